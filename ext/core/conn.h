/* conn: one connection as a lane sees it: bytes in, request, bytes out. No reactor, no shared
 * memory.
 *
 * Runs in:  lane.
 * Blocks:   never.
 * Owns:     its descriptor and its work, until they are closed. */
#ifndef FF_CONN_H
#define FF_CONN_H

#include "buffer.h"
#include "deadlines.h"
#include "http_body.h"
#include "http_forwarded.h"
#include "http_request.h"
#include "http_response.h"
#include "pace.h"
#include "spool.h"

#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What a connection needs only while it has something to do: an idle one lends it back to its
 * lane. */
struct ff_work {
    struct ff_buffer in;  /* raw octets: head, body so far, then the next request */
    struct ff_buffer out; /* octets of responses that the kernel has not taken yet */
    struct ff_http_request request;
    struct ff_http_body framing;
    struct ff_http_response response;
    struct ff_http_forwarded forwarded; /* set only if request.is_forwarded */
    size_t body_at;  /* offset from the head's first octet to the first unread octet of content */
    size_t body_len; /* octets of content there, decoded and not yet read by the application */
    struct ff_spool content; /* that comes before body_at: more than memory may hold */
    struct ff_spool file;    /* of the response: goes out behind the first octets of `out` ... */
    size_t file_after;       /* ... so many of them, and before the others */
    struct ff_pace reading, writing; /* of the body, and of the answer, as the client goes along */
    bool is_begun;                   /* octets have gone out since the request began to run */
    bool may_spill;                  /* the rest of the response is at hand: a file may take it */
    struct ff_conn *next_flushed;    /* in a list of the flusher's */
    int flushed;                     /* what came of it: flusher.h */
    uint32_t block;                  /* of the lane's memory, that `in` begins in; 0: none */
    struct ff_work *next;            /* in the lane's list of spare ones */
    /* while the application has the request: */
    int64_t began_us;           /* when it got it */
    uint32_t waited_us;         /* how long it had waited for us */
    uint8_t news;               /* enum ff_news that was not told yet */
    uint8_t wants;              /* enum ff_news that somebody waits for */
    bool is_listed;             /* in the lane's list of what is next */
    bool is_read_on;            /* the application reads its content as it comes */
    bool is_tunnel;             /* raw octets both ways: HTTP is over */
    int trouble;                /* -errno that ended what it wanted; 0: none */
    void *holder;               /* the binding's, of this request */
    struct ff_conn *next_again; /* in the lane's list of what is next */
};

/* What can become of a request that runs beside others (duplex.h). */
enum ff_news {
    FF_NEWS_INPUT = 1, /* there is content, or its end */
    FF_NEWS_ROOM = 2,  /* the output has room again */
    FF_NEWS_END = 4    /* the client has ended its side */
};

enum ff_phase {
    FF_PHASE_QUIET, /* between requests, nothing buffered */
    FF_PHASE_HEAD,  /* part of a head is there */
    FF_PHASE_BODY,  /* the head is whole, the body is not */
    FF_PHASE_RUN,   /* the application has it */
    FF_PHASE_LINGER /* half shut, and read to its end by ourselves */
};

/* Classes of deadlines, in the order of ff_deadlines_init. */
enum ff_wait { FF_WAIT_HEAD, FF_WAIT_BODY, FF_WAIT_WRITE, FF_WAIT_PARK, FF_WAIT_LINGER };

struct ff_conn {
    struct ff_deadline deadline; /* first: the lane finds the connection from it */
    struct ff_work *work;        /* NULL while quiet */
    uint64_t word;               /* what stands in the conn table while we own it */
    uint64_t received, sent;     /* octets, in all, whoever did it */
    uint32_t id;
    int fd;
    uint32_t drained;    /* octets read and dropped, of one that lingers */
    uint8_t turn;        /* how often it has rested half read */
    uint8_t phase;       /* enum ff_phase: of the input */
    uint8_t watched;     /* FF_POLL_* that the lane's poller looks for; 0: it does not know it */
    bool is_drained;     /* the last read left nothing in the socket */
    bool is_ended;       /* the client has sent its end */
    bool is_closing;     /* close when the output is out */
    bool needs_continue; /* the client waits for 100 Continue */
    bool is_moved;       /* another lane had read a part of its request */
};

/* How much of the input a request may hold before the application runs. */
struct ff_conn_limits {
    struct ff_http_limits http;
    struct ff_http_body_limits body;
    size_t body_buffer;    /* of a body whose length is known */
    size_t chunked_buffer; /* of one whose length is not */
    uint64_t spool; /* what is larger waits in a file of at most so many octets; 0: nowhere */
    const char *spool_dir; /* borrowed */
    uint32_t requests;     /* on one connection; 0: any number */
    uint32_t rate;         /* octets a second, in a body and in an answer; 0: any */
};

/* What the request before has left does not hold for the next. */
static inline void ff_conn_begin(struct ff_conn *c)
{
    c->work->response.out = NULL;
    c->work->holder = NULL;
    c->work->trouble = 0;
    c->work->is_begun = c->work->is_tunnel = c->work->is_read_on = c->work->may_spill = false;
}

/* Will the next read go to memory that nobody sees after our death? */
bool ff_conn_leaves_block(const struct ff_conn *c);

/* Room that the body which comes in wants, if it waits in memory: for a read, and all that it says
 * is missing. Otherwise 0. */
size_t ff_conn_lacks(const struct ff_conn *c, const struct ff_conn_limits *limits);

/* Reads what the socket has into the input buffer (one call). Octets read; 0 at the client's
 * end; -EAGAIN, -ENOMEM, or another -errno of a broken connection. */
ssize_t ff_conn_receive(struct ff_conn *c);

/* Goes on with what is in the input buffer. FF_HTTP_DONE: a request can run (phase RUN).
 * FF_HTTP_MORE: it needs more octets (phase QUIET, HEAD or BODY). Otherwise the HTTP status to
 * refuse with; for 507 and 503 *trouble is the -errno of the file that the body should wait in. */
int ff_conn_advance(struct ff_conn *c, const struct ff_conn_limits *limits, int *trouble);

/* Decodes raw octets that came behind a body that is being streamed. As ff_http_body_decode. */
int ff_conn_decode(struct ff_conn *c);

/* Brings content that waits in the file to memory, where there is none. 0 or -errno. */
int ff_conn_refill(struct ff_conn *c);

/* Is its method safe (RFC 9110 9.2.1), or at least idempotent (9.2.2) if that is asked? */
bool ff_conn_is_safe(const struct ff_conn *c, bool or_idempotent);

/* Forgets the request that was answered and moves to the octets behind it. */
void ff_conn_next(struct ff_conn *c);

/* Puts 100 Continue into the output if the client waits for it (RFC 9110 10.1.1). 0 or -ENOMEM. */
int ff_conn_continue(struct ff_conn *c);

/* Is the request's body wholly decoded (whatever the application has read of it)? */
bool ff_conn_has_whole_body(const struct ff_conn *c);

/* Does output wait: in memory, or in a file? */
static inline bool ff_conn_has_output(const struct ff_conn *c)
{
    return ff_buffer_len(&c->work->out) > 0 || ff_spool_len(&c->work->file) > 0;
}

/* Two pieces of octets where they are: those of a body, and what its framing puts behind them. */
struct ff_conn_more {
    struct iovec piece[2];
};

/* An open part of the response's body, and what closes it. */
static inline struct ff_conn_more ff_conn_part(const struct ff_conn *c, const void *data, size_t n)
{
    const char *end = ff_http_response_part_end(&c->work->response);
    return (struct ff_conn_more){{{(void *)data, n}, {(void *)end, strlen(end)}}};
}

static inline bool ff_conn_is_more(const struct ff_conn_more *more)
{
    return more->piece[0].iov_len + more->piece[1].iov_len > 0;
}

/* Sends what waits, or the next part of it, and `more` (NULL: nothing) directly behind it, in one
 * call. 0, and what went out is taken from `more`; -EAGAIN when nothing did, -EIO when the file is
 * shorter than it was, or -errno of a broken connection. */
int ff_conn_send(struct ff_conn *c, struct ff_conn_more *more);

/* Moves what waits in memory to the file, and `n` octets of `more`, as long as the file is no
 * larger than it may be. 0; or -errno and nothing changed (-EFBIG, -EBUSY: there is the
 * application's). */
int ff_conn_spill(struct ff_conn *c, const struct ff_conn_limits *limits, const void *more,
                  size_t n);

/* Octets of what was sent that the client's side has taken. */
uint64_t ff_conn_taken(const struct ff_conn *c);

/* Shuts the connection down: both directions when nothing can get lost by it, else only our sending
 * one. True when only half was shut and somebody must read on to the client's end. */
bool ff_conn_shut(struct ff_conn *c);

/* Ends the connection by a reset, so that a response which ends with the connection can't pass
 * for a whole one. */
void ff_conn_reset(struct ff_conn *c);

#endif

/* lane: the reactor of one worker thread: takes the connections it is dealt, gives out requests,
 * sends answers.
 *
 * Runs in:  worker, one thread; made after the fork. A worker may have several; they share nothing.
 * Blocks:   only in ff_lane_wait.
 * Owns:     its poller and its copies of the connections. Page, channel and bell are borrowed.
 *
 * A binding pulls: wait, then next until it gives 0; exchange.h is what it does with each
 * request. */
#ifndef FF_LANE_H
#define FF_LANE_H

#include "channel.h"
#include "conn.h"
#include "conntable.h"
#include "flusher.h"
#include "networks.h"
#include "poller.h"
#include "progress.h"
#include "proxy.h"
#include "seat.h"
#include "sharer.h"
#include "works.h"

struct ff_lane_config {
    enum ff_replay replay;
    enum ff_proxy_mode proxy;
    struct ff_networks relays;  /* who must send a PROXY header; borrowed, as `trusted` */
    struct ff_networks trusted; /* whose X-Forwarded-* are believed */
    struct ff_seat seat;
    int64_t wait_ms[FF_DEADLINE_CLASSES]; /* by enum ff_wait; 0: no limit */
    struct ff_conn_limits limits;
    const int *listeners; /* to accept from by ourselves; then wait_ms[FF_WAIT_PARK] closes */
    size_t listener_count;
    uint32_t at_once; /* requests that run beside each other, on a loop; 0: one, and it may block */
    bool is_raw;      /* no HTTP: a connection is one request, from its first moment to its end */
};

/* Poller tags that are no connection's: those have an id, from 1. */
enum { FF_LANE_TAG_CHANNEL = 0, FF_LANE_TAG_WAKE = 1 << 24 };

enum ff_lane_mode {
    FF_LANE_SERVING,
    FF_LANE_LEAVING,   /* this worker ends, the server goes on: connections go back to the master */
    FF_LANE_ENDING,    /* the channel ended: the server stops, or the master is gone */
    FF_LANE_CONDEMNED, /* its worker is ended for a request: nothing may begin any more */
    FF_LANE_DETACHED   /* this is a child that the application forked */
};

struct ff_lane {
    struct ff_lane_config config;
    struct ff_lane_line *line; /* the page's, of this lane */
    struct ff_sharer *sharer;  /* accepts, and its page holds our connections; NULL: the master's */
    int poller;
    uint64_t rung_at;           /* page->looks when it rang last */
    bool owes_ring;             /* it gave something back; rings before it waits */
    int fd_limit;               /* descriptors from here on are kept for the application */
    int wake[2];                /* a pipe: an octet written to [1] ends ff_lane_wait */
    struct ff_flusher *flusher; /* for answers that the socket does not take */
    atomic_bool must_leave;     /* set by whoever wants it to leave */
    enum ff_lane_mode mode;
    int64_t now_ms, now_us;
    int64_t woken_us; /* when the last wait ended */
    int64_t away_us;  /* how long the application has run here, in all, if nothing runs beside it */
    uint32_t arrived_us;   /* when what we look at came: the low bits of the clock */
    uint32_t running;      /* requests that the application has */
    uint32_t received;     /* deals that came through the channel, beside line->sent */
    uint32_t busy;         /* connections that are not idle */
    struct ff_conn **conn; /* by id */
    struct ff_works works;
    struct ff_conn *again; /* list of those that have something to tell without being asked */
    int spool_trouble; /* -errno of a file that a body should have waited in; until it is told */
    int file_trouble;  /* the same of one that an answer came from */
    struct ff_deadlines deadlines;
    int events, next_event;
    struct ff_poller_event event[FF_POLLER_BATCH];
    int deals, next_deal;
    struct ff_deal deal[FF_CHANNEL_BATCH];
    int deal_fd[FF_CHANNEL_BATCH];
    int64_t date_s;
    char date[FF_HTTP_DATE_LEN];
};

/* 0 or -errno. */
int ff_lane_open(const struct ff_lane_config *config, struct ff_lane **out);

/* In a child that the application forked: lets go of all that is the parent's, so that nothing the
 * child does here reaches a client or the master. Waiting then gives -ESHUTDOWN. */
void ff_lane_detach(struct ff_lane *lane);

/* Drops every copy without closing a connection. Accepts NULL. */
void ff_lane_free(struct ff_lane *lane);

/* Leave: idle connections go back to the master, no new ones are taken, what runs is finished. It
 * happens when the lane waits next. From any thread, and from a signal handler. */
void ff_lane_leave(struct ff_lane *lane);

/* Does so: gives back what is idle; what runs, or is half read, is finished. For the lane itself.
 */
void ff_lane_go(struct ff_lane *lane);

/* The application is done with its request: it counts, and the lane has room again. Poke when the
 * connection is settled. */
void ff_lane_count(struct ff_lane *lane, struct ff_conn *c);

/* Is it behind with its connections, and holds clearly more than its share of them? Others have
 * time for some. */
bool ff_lane_is_crowded(const struct ff_lane *lane);

/* Makes the master look once more at what the lanes did: connections were given back to it, and it
 * must watch them. A system call only if it has looked since the last time. */
void ff_lane_ring(struct ff_lane *lane);

/* Rings if the master waits for room. */
void ff_lane_poke(struct ff_lane *lane);

/* Blocks until something may have become ready. 0; -EINTR; -ESHUTDOWN when leaving or ending and
 * all is done. */
int ff_lane_wait(struct ff_lane *lane);

/* The same without blocking, for who waits for the lane's poller (it is readable then) and until
 * ff_lane_due_ms by other means. */
int ff_lane_poll(struct ff_lane *lane);

/* In how many milliseconds to poll although the poller is not readable; INT64_MAX: never. */
int64_t ff_lane_due_ms(struct ff_lane *lane);

enum ff_lane_found {
    FF_LANE_NOTHING, /* it is time to wait */
    FF_LANE_REQUEST, /* it can run; it stays in conn->work until ff_exchange_finish or _abort */
    FF_LANE_NEWS     /* of a request that runs, in work->news; only with config.at_once */
};

/* Gives the next thing to do. */
enum ff_lane_found ff_lane_next(struct ff_lane *lane, struct ff_conn **out);

/* Puts `c` into the list of what ff_lane_next gives: its request can run, or has news. */
void ff_lane_list(struct ff_lane *lane, struct ff_conn *c);

/* The poller waits for requests that run: tells the master that we are alive. */
void ff_lane_beat(struct ff_lane *lane);

#endif

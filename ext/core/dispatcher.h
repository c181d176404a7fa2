/* dispatcher: the master's reactor: accepts connections and deals each to the next lane that has
 * room.
 *
 * Runs in:  master, one thread. A copy in a forked child must not be used.
 * Blocks:   only in ff_dispatcher_wait.
 * Owns:     the page, every connection (escrow), both ends of every lane's channel, the bell.
 *           Listeners and watched descriptors stay the caller's. */
#ifndef FF_DISPATCHER_H
#define FF_DISPATCHER_H

#include "balance.h"
#include "channel.h"
#include "escrow.h"
#include "hub.h"
#include "rescue.h"

enum {
    FF_LISTENERS_MAX = 64,
    FF_BUSY_US = 2000,
    FF_STUCK_US = 5000,
    FF_QUIET_US = 1000000,
    FF_PART_US = 250,
    FF_ALONE_MS = 1000
};

struct ff_master_lane {
    /* -1: not leased. The receiving end is kept so that a dead worker's queue lives on. */
    int send_end, receive_end;
    bool is_ready;   /* its worker has loaded the application */
    bool is_stalled; /* it took no more when `claimed` stood at stalled_at; tried again later */
    uint32_t stalled_at;
    int64_t stalled_until_ms;
    bool is_leaving; /* it was told to */
    bool is_stuck;   /* it left a deal unclaimed for too long; until it answers a ping */
    uint32_t stuck_at_beat;
    uint32_t dealt; /* since the process took its seat, less what was taken back */
    uint64_t dealt_in_all;
    uint32_t seen_claimed; /* when it last moved: `claimed` then, and the time */
    int64_t moved_us;
    uint64_t heard; /* sum of all that it counts, when it was heard of last; and the time */
    int64_t heard_us, asked_us;
    bool is_asked;     /* it was, at asked_us, because nothing had been heard of it since */
    uint16_t slot;     /* whose worker sits at it */
    bool is_timed_out; /* a request stood still for longer than timeout_us; so many were done: */
    uint64_t timed_out_at;
    /* what it gave up and is not taken in yet: the next id (0: none), and how many can follow */
    uint32_t returning, returning_max;
    uint32_t fruitless; /* times in a row that there was nothing to take back from it */
    char *blocks;       /* shared with its worker: page.h */
    /* the ids whose octets lie in the blocks for replay, 0: none */
    uint32_t replayed[FF_BLOCKS_REPLAY];
    uint32_t batched; /* deals in the batch below, not sent yet */
    struct ff_deal batch[FF_CHANNEL_BATCH];
    int batch_fds[FF_CHANNEL_BATCH];
};

struct ff_listener {
    int fd;
    bool is_readable; /* as far as we know there is something to accept */
    bool is_late;     /* it was not polled for a while: what it has may have waited for long */
};

/* What was done about a request that was running when its worker died. */
struct ff_rescued {
    uint8_t rescue;    /* enum ff_rescue */
    bool is_timed_out; /* it had stood still for too long */
    char line[120];    /* the request line, as far as it is known */
};

enum { FF_RESCUED_MAX = 16 };

struct ff_dispatcher_stats {
    uint64_t accepted, dealt, redealt, taken, replayed, refused, closed, lost, accept_errors;
    uint64_t evicted; /* parked connections that were closed for their descriptors */
};

struct ff_dispatcher {
    struct ff_page *page;
    char *blocks; /* of all lanes */
    struct ff_escrow escrow;
    int poller, bell;
    int page_fd, blocks_fd; /* of the memory behind page and blocks */
    int64_t keep_alive_ms;  /* for a parked connection that was answered before */
    int64_t silence_ms;     /* for one that never said anything */
    int64_t half_ms;        /* for one of which a part of a request is there */
    int64_t busy_us;        /* inside one request for so long: FF_BUSY_US */
    int64_t quiet_us;       /* nothing heard of a lane for so long: it is asked. FF_QUIET_US */
    int64_t stuck_us;       /* a deal unclaimed for so long: FF_STUCK_US */
    int64_t timeout_us;     /* the application's, without progress; 0: any */
    int64_t alone_ms;       /* so long a suspect waits for a worker of its own, and has it */
    int64_t part_us;        /* for a part of a pass: FF_PART_US */
    int64_t now_ms, now_us;
    int64_t starved_until_ms; /* accept ran out of descriptors: try again then; 0: it did not */
    bool is_listening;        /* listeners are polled */
    bool is_full;             /* no lane has room */
    bool is_blocked;          /* some lane has, but none that what waits may go to */
    bool has_more;            /* the pass ended before all was done */
    size_t relieved;          /* the lane that relief goes on with */
    bool is_short;            /* the caller has to be told of this: */
    int shortage;             /* the errno of accept, 0: the table was full */
    int64_t shortage_told_ms; /* when it was told last */
    enum ff_policy policy;
    uint32_t at_once; /* requests that a lane runs beside each other; 0: one after the other */
    bool is_closing;  /* never accept again */
    bool is_ending;   /* lanes end when nothing waits for them */
    bool turn;        /* alternates between accepting and dealing again */
    size_t listeners, next_listener;
    struct ff_listener listener[FF_LISTENERS_MAX];
    size_t lanes, cursor; /* lanes: highest number leased so far, plus one */
    /* what the lanes may get in this pass of dealing: first, and when nobody has credit */
    uint32_t credit[FF_LANES_MAX], spare[FF_LANES_MAX];
    uint32_t load[FF_LANES_MAX];               /* what they have, running and queued */
    bool is_open[FF_LANES_MAX];                /* by slot: a lane of it is ready and not stuck */
    size_t slots;                              /* highest number of one, plus one */
    uint32_t owed[FF_LANES_MAX];               /* turns that lanes lost: balance.h */
    struct ff_master_lane *lane[FF_LANES_MAX]; /* NULL: never leased */
    struct ff_dispatcher_stats stats;
    struct ff_hub *hub;
    /* A request that died with others runs again with nothing beside it: the id that does, 0: none;
     * where; and the slot, plus one, that is kept for it */
    uint32_t suspect;
    uint16_t suspect_lane, kept_slot;
    int64_t suspect_since_ms;
    bool is_to_blame; /* may what ran have caused the last death? */
    bool may_replay;  /* requests of dead workers are dealt again */
    size_t rescues;   /* at the last recovery; only the first are told of */
    struct ff_rescued rescued[FF_RESCUED_MAX];
};

/* 0 or -errno. */
int ff_dispatcher_open(uint32_t conns_max, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out);

/* What a master hands to its own next image, with descriptors by their numbers; and the same there,
 * with the settings of ff_dispatcher_open and without listeners. Writing: between two calls of
 * wait. 0, -ENOMEM, -EPROTO (what `n` octets are is no such thing) or -errno. */
int ff_dispatcher_write(struct ff_dispatcher *d, struct ff_buffer *out);
int ff_dispatcher_read(const void *octets, size_t n, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out);

/* Whether the descriptors that are owned stay open when the process executes another image. */
void ff_dispatcher_survive(struct ff_dispatcher *d, bool on);

/* What old workers and a new master have to agree on, as a number: sizes of all that is shared or
 * handed on, and a revision for what they don't show. */
uint32_t ff_dispatcher_layout(void);

/* Closes everything owned. Accepts NULL. */
void ff_dispatcher_free(struct ff_dispatcher *d);

/* Accept on `fd` (borrowed, listening, non-blocking). Its number, or -errno (-ENOSPC: too many). */
int ff_dispatcher_listen(struct ff_dispatcher *d, int fd);

/* Accept no more; with `drain_backlog`, everything that waits in the kernel's queues first (as far
 * as the table has room). The listeners may be closed afterwards. */
void ff_dispatcher_stop_accepting(struct ff_dispatcher *d, bool drain_backlog);

/* Report `fd` from wait whenever it is readable, or stop doing so. 0 or -errno. */
int ff_dispatcher_watch(struct ff_dispatcher *d, int fd);
int ff_dispatcher_unwatch(struct ff_dispatcher *d, int fd);

/* Leases a lane with a new channel to the worker of `slot`; it gets nothing before
 * ff_dispatcher_ready. Its number or -errno. */
int ff_dispatcher_lease(struct ff_dispatcher *d, uint16_t slot);

/* Deal to `lane` from now on / nothing more. */
void ff_dispatcher_ready(struct ff_dispatcher *d, uint16_t lane);
void ff_dispatcher_rest(struct ff_dispatcher *d, uint16_t lane);

/* Deal nothing more to `lane`, and tell it to leave: it ends when what runs there is finished. */
void ff_dispatcher_leave(struct ff_dispatcher *d, uint16_t lane);

/* Closes a lane whose worker is gone and recovered (keeper.h). */
void ff_dispatcher_release(struct ff_dispatcher *d, uint16_t lane);

/* The server stops: what is parked is closed, what waits is still dealt, and then the sending ends
 * are closed: each worker drains its queue and reads the end. */
void ff_dispatcher_close_channels(struct ff_dispatcher *d);

/* Taking in, taking back, closing and dealing go on in parts, so that a pass of the master stays
 * short however much there is to do. Is the part that began at `since_us` over? Then the next pass
 * follows at once. */
bool ff_dispatcher_is_over(struct ff_dispatcher *d, int64_t since_us);

/* Accepts, deals and keeps, and passes on what is said on the bus, until a watched descriptor is
 * readable, something was said to the master, a lane's request has timed out (once each:
 * is_timed_out), there is a shortage (once a minute: is_short) or `timeout_ms` passed (-1: no
 * limit). Fills `ready` (FF_POLLER_BATCH) with the readable watched descriptors and gives their
 * number; -EINTR on a signal. */
int ff_dispatcher_wait(struct ff_dispatcher *d, int timeout_ms, int *ready);

/* Reads the clock and, if `on`, polls the listeners. For dealer and keeper. */
void ff_dispatcher_tick(struct ff_dispatcher *d);
void ff_dispatcher_poll_listeners(struct ff_dispatcher *d, bool on);

#endif

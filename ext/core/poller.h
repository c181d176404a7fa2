/* poller: waits for many descriptors at once; the only unit that knows epoll.
 *
 * Runs in:  dispatcher, lane; a poller belongs to one thread of one process (never used across
 *           fork).
 * Blocks:   only in wait, as long as it is told.
 * Owns:     its own descriptor; the watched ones stay the caller's. Level-triggered; with
 *           FF_POLL_ONCE an event is the last one until ff_poller_change; with FF_POLL_SHARED (in
 * add) an event wakes one of the pollers that watch it so, or a few. */
#ifndef FF_POLLER_H
#define FF_POLLER_H

#include <stddef.h>
#include <stdint.h>

enum {
    FF_POLL_NONE = 0,
    FF_POLL_IN = 1,
    FF_POLL_OUT = 2,
    FF_POLL_HUP = 4,
    FF_POLL_ONCE = 8,
    FF_POLL_SHARED = 16
};
enum { FF_POLLER_BATCH = 64 };

struct ff_poller_event {
    uint64_t tag;    /* as given to add */
    uint32_t events; /* FF_POLL_*; errors show as all of them, so that the I/O call finds out */
};

/* Gives a new poller descriptor in `out`. 0 or -errno. */
int ff_poller_open(int *out);

/* Start, change or stop watching `fd`. 0 or -errno. */
int ff_poller_add(int poller, int fd, uint32_t events, uint64_t tag);
int ff_poller_change(int poller, int fd, uint32_t events, uint64_t tag);
int ff_poller_remove(int poller, int fd);

/* Fills up to FF_POLLER_BATCH events; `timeout_ms` -1 waits without limit. The count, or -errno
 * (-EINTR). */
int ff_poller_wait(int poller, struct ff_poller_event *out, int timeout_ms);

#endif

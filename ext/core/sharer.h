/* sharer: a lane that accepts for itself, beside others at the same listeners. Nobody else holds a
 * copy of its connections: they end with its process.
 *
 * Runs in:  lane.
 * Blocks:   never.
 * Owns:     a page of its own, where the words of its connections stand. Listeners are borrowed. */
#ifndef FF_SHARER_H
#define FF_SHARER_H

#include "channel.h"
#include "page.h"

enum { FF_SHARER_LISTENERS = 64, FF_SHARER_BATCH = 4 };

struct ff_sharer {
    struct ff_page *page, *home;  /* ours, and the one that master and workers share */
    uint32_t touched, first_free; /* ids: used so far; a list through next_returned */
    size_t listeners;
    int listener[FF_SHARER_LISTENERS];
    bool is_watching;
};

/* The poller tag of a listener: as of a connection with id 0, which there is none of. */
static inline uint64_t ff_sharer_tag(size_t listener)
{
    return (uint64_t)(listener + 2) << 24;
}

/* Opens one with room for as many connections as `home` has. 0, -EINVAL (too many listeners) or
 * -errno. */
int ff_sharer_open(struct ff_page *home, const int *listeners, size_t n, struct ff_sharer **out);

/* Accepts NULL. */
void ff_sharer_free(struct ff_sharer *s);

/* Polls the listeners, tagged by ff_sharer_tag; or no more. Of all that poll a listener one is
 * woken for a connection, most often. 0 or -errno. */
int ff_sharer_watch(struct ff_sharer *s, int poller);
void ff_sharer_unwatch(struct ff_sharer *s, int poller);

/* Accepts some connections of a listener as if they had been dealt to `lane`. How many; 0 when none
 * waits; -EMFILE or another -errno when there is no room for one. */
int ff_sharer_accept(struct ff_sharer *s, size_t listener, uint16_t lane,
                     struct ff_deal deals[FF_SHARER_BATCH], int fds[FF_SHARER_BATCH]);

/* The connection has ended: its id is free. */
void ff_sharer_release(struct ff_sharer *s, uint32_t id);

#endif

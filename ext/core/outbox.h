/* outbox: frames that wait to go out through a pipe, up to a limit.
 *
 * Runs in:  master (a few for each worker), worker (one, under its link's lock).
 * Blocks:   never.
 * Owns:     its memory; the pipe stays the caller's. */
#ifndef FF_OUTBOX_H
#define FF_OUTBOX_H

#include "buffer.h"
#include "frame.h"

/* What becomes of a message that finds no room. */
enum ff_overflow {
    FF_OVERFLOW_DROP_OLDEST, /* those go that have waited longest */
    FF_OVERFLOW_DROP_NEW,    /* it is dropped itself */
    FF_OVERFLOW_BLOCK        /* whoever sends it waits */
};

struct ff_outbox {
    int fd; /* writing end, non-blocking; -1: none, what comes in is taken out by hand */
    struct ff_buffer bytes;
    size_t begun;     /* octets at the head that end a frame of which a part is out */
    size_t limit;     /* octets */
    int64_t moved_ms; /* when it was last empty, or something went out */
    uint64_t dropped; /* messages */
};

/* Whether `n` more octets fit. */
static inline bool ff_outbox_has_room(const struct ff_outbox *o, size_t n)
{
    return ff_buffer_len(&o->bytes) + n <= o->limit;
}

/* Adds a frame with its topic and part. 0; -EAGAIN: there is no room (counted as dropped unless
 * the policy is to block); -ENOMEM. Dropping the oldest spares what is no publication. */
int ff_outbox_add(struct ff_outbox *o, enum ff_overflow policy, const struct ff_frame *frame,
                  const void *topic, const void *part, int64_t now_ms);

/* Writes what the pipe takes. 0: all is out; -EAGAIN; or -errno (-EPIPE: nobody reads). */
int ff_outbox_write(struct ff_outbox *o, int64_t now_ms);

/* Moves up to `n` octets to `to` instead, when there is no pipe. 0 or -ENOMEM. */
int ff_outbox_take(struct ff_outbox *o, struct ff_buffer *to, size_t n, int64_t now_ms);

#endif

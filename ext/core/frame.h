/* frame: what the bus is made of: a header, a topic, and a part of a message or all of it. Pure.
 *
 * Runs in:  anywhere.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_FRAME_H
#define FF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ff_frame_kind {
    FF_FRAME_PUBLISH = 1, /* to all that subscribed to the topic */
    FF_FRAME_SEND,        /* to slot `to` */
    FF_FRAME_REQUEST,     /* to one that responds to the topic */
    FF_FRAME_REPLY,       /* to the request `id` */
    FF_FRAME_FAIL, /* likewise: there is no answer, `flags` says why (enum ff_frame_failure) */
    /* from a worker to the hub; the topic is the pattern or name */
    FF_FRAME_SUBSCRIBE,
    FF_FRAME_RESPOND,   /* the hub tells it the bridge, too */
    FF_FRAME_READY,     /* its handlers run */
    FF_FRAME_CANDIDATE, /* it would lead */
    FF_FRAME_RESIGN,    /* it leads no more */
    /* from the hub to a worker */
    FF_FRAME_LEAD,
    /* from a worker to the hub: `id` messages found no room in the worker */
    FF_FRAME_DROPPED,
    FF_FRAME_KINDS
};

enum ff_frame_failure {
    FF_FAIL_NOBODY,
    FF_FAIL_FULL,
    FF_FAIL_DIED,
    FF_FAIL_RAISED,
    /* by the bridge; the message says why, as with RAISED */
    FF_FAIL_AWAY, /* the other servers can't be reached */
    FF_FAIL_LOST  /* the way to the one that was asked broke */
};

enum {
    FF_FRAME_RAW = 1, /* flag: the message is octets, not msgpack */
    FF_FRAME_TOPIC_MAX = 255,
    FF_FRAME_PART = 1 << 16, /* octets of a message in one frame, at most */
    FF_MESSAGE_MAX = 1 << 26,
    FF_SLOT_MASTER = 0xffff,
    FF_SLOT_ELSEWHERE = 0xfffe /* another server: who said it, the bridge does not tell */
};

struct ff_frame {
    uint32_t size; /* octets behind the header: topic and part */
    uint8_t kind, flags, topic_size, unused;
    uint16_t slot, link; /* who says it; the hub writes them */
    uint16_t to, unused_too;
    uint32_t id; /* of a request; the hub gives it another one on the way. Of publications to the
                    bridge: a number */
    /* which part of the message this is: all of it, if it begins at 0 and is as long as `total` */
    uint32_t offset, total;
};

_Static_assert(sizeof(struct ff_frame) == 28, "a frame has no padding");

enum { FF_FRAME_MAX = sizeof(struct ff_frame) + FF_FRAME_TOPIC_MAX + FF_FRAME_PART };

static inline uint32_t ff_frame_part(const struct ff_frame *f)
{
    return f->size - f->topic_size;
}

static inline bool ff_frame_is_last(const struct ff_frame *f)
{
    return f->offset + ff_frame_part(f) == f->total;
}

/* Reads the header of the frame that begins at `bytes`. How long the frame is, 0 if it is not all
 * there, -EPROTO if it is none. */
int ff_frame_read(const char *bytes, size_t n, struct ff_frame *out);

/* A pattern is a topic, or with * as its last character the beginning of topics. */
bool ff_frame_matches(const char *pattern, size_t pattern_size, const char *topic, size_t size);

#endif

/* inbox: frames that came in, and the messages that are whole.
 *
 * Runs in:  master (what was said to it), worker (one for each pipe that it reads).
 * Blocks:   never.
 * Owns:     its memory. A zeroed struct is a valid empty one. */
#ifndef FF_INBOX_H
#define FF_INBOX_H

#include "buffer.h"
#include "frame.h"

struct ff_message {
    struct ff_frame frame;     /* of its last part */
    const char *topic, *bytes; /* valid until the next call; bytes: frame.total of them */
};

/* A message of which parts are there. Nobody sends two at a time: a new one of the same link takes
 * the place of one that will never be whole. */
struct ff_partial {
    struct ff_partial *next;
    uint16_t link;
    uint32_t got, total;
    char bytes[];
};

struct ff_inbox {
    struct ff_buffer bytes;
    struct ff_partial *partial, *done; /* done: what the last message stands in */
};

/* Gives the next whole message. 1; 0: there is none yet; -EPROTO or -ENOMEM. */
int ff_inbox_next(struct ff_inbox *in, struct ff_message *out);

void ff_inbox_close(struct ff_inbox *in);

#endif

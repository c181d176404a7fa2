/* works: what the connections of one lane borrow while they have something to do.
 *
 * Runs in:  lane.
 * Blocks:   never.
 * Owns:     the works that nobody has, and one large piece of memory for bodies. Zeroed but for
 *           `blocks` it is valid and empty. */
#ifndef FF_WORKS_H
#define FF_WORKS_H

#include "conn.h"

struct ff_works {
    struct ff_work *spare;
    uint32_t spares;
    char *blocks; /* FF_BLOCKS_OWN of them, borrowed: what is read there outlives us */
    uint32_t blocks_given;
    struct ff_buffer large; /* that held a body before: its pages are there already */
};

/* Gives the connection a work, if it has none; its input begins in a block, while there are any.
 * Without memory c->work stays NULL. */
void ff_works_lend(struct ff_works *works, struct ff_conn *c);

/* Takes its work back, emptied. Accepts a connection without one. */
void ff_works_take_back(struct ff_works *works, struct ff_conn *c);

/* Makes room in `in` for all of a body that waits in memory, `n` more octets, once it does not fit
 * where it is. Without memory nothing changes: it grows as it is read. */
void ff_works_make_room(struct ff_works *works, struct ff_buffer *in, size_t n);

/* Frees what nobody has. */
void ff_works_close(struct ff_works *works);

#endif

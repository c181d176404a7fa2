/* salvage: the octets of a request that a lane had read, kept for another one.
 *
 * Runs in:  master, on the dispatcher's state.
 * Blocks:   never.
 * Owns:     nothing of its own; what is kept belongs to the escrow. */
#ifndef FF_SALVAGE_H
#define FF_SALVAGE_H

#include "dispatcher.h"
#include "progress.h"

/* Where the octets behind `base` begin, and how many there can be at most. NULL, and no room, if
 * what stands in the page makes no sense. */
const char *ff_salvage_place(const struct ff_dispatcher *d, uint32_t id, uint16_t lane,
                             const struct ff_base *base, size_t *room);

/* Keeps what was received behind `base`, up to `received` octets in all; false if it is gone, or
 * there is no memory. */
bool ff_salvage_keep(struct ff_dispatcher *d, uint32_t id, uint16_t lane,
                     const struct ff_base *base, uint64_t received);

/* Lets `base` hold, with nothing begun, and nothing known of where its octets lie: from now on they
 * are those that were kept. */
void ff_salvage_set_base(struct ff_conn_line *line, struct ff_base base);

#endif

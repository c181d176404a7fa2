/* balance: which lane gets the next connection. Pure functions of what is known about the lanes.
 *
 * Runs in:  dispatcher.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_BALANCE_H
#define FF_BALANCE_H

#include <stddef.h>
#include <stdint.h>

/* How many dealt connections may wait unclaimed at a lane that is `dealt - claimed` behind. The
 * counters wrap. */
static inline uint32_t ff_balance_room(uint32_t dealt, uint32_t claimed, uint32_t window)
{
    uint32_t queued = dealt - claimed;
    return queued < window ? window - queued : 0;
}

/* Strict rotation: the first lane with room at or after `*cursor`, which moves behind it.
 * `room[i]` is 0 for a lane that is not to be dealt to. The lane, or -1 when none has room. */
int ff_balance_rotate(const uint32_t *room, size_t lanes, size_t *cursor);

#endif

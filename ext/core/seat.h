/* seat: what a worker process needs to take its place at a lane.
 *
 * Runs in:  made in the master, used in the worker that is forked for it, or for a process between
 *           the two: that one moves it to lanes that were leased later.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_SEAT_H
#define FF_SEAT_H

#include "page.h"

struct ff_seat {
    struct ff_page *page;
    char *blocks; /* FF_BLOCKS of this lane */
    uint16_t lane;
    int channel; /* the receiving end */
    int bell;
};

/* The seat at another lane of the same page. `channel` is its receiving end, as it is called here.
 */
static inline struct ff_seat ff_seat_moved(struct ff_seat seat, uint16_t lane, int channel)
{
    char *first = seat.blocks - (size_t)seat.lane * FF_BLOCKS * FF_BLOCK;
    return (struct ff_seat){seat.page, ff_blocks_of(first, lane), lane, channel, seat.bell};
}

#endif

/* seat: what a worker process needs to take its place at a lane.
 *
 * Runs in:  made in the master, used in the worker that is forked for it.
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

#endif

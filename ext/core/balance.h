/* balance: which lane gets the next connection. Pure functions of what is known about the lanes.
 *
 * Runs in:  dispatcher, lane.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_BALANCE_H
#define FF_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FF_WINDOW_MAX = 64, FF_WINDOW_US = 1000, FF_SPARE_US = 4000, FF_OWED_MAX = 512 };

/* What the master knows of a lane when it deals. */
struct ff_balance_lane {
    uint32_t queued;     /* dealt, not claimed yet */
    uint32_t running;    /* claimed or in the application */
    uint32_t service_us; /* how long its requests take */
    bool is_able;        /* ready, with descriptors left, not stuck */
    bool is_overdue;     /* inside one request for too long */
    uint32_t at_once;    /* requests that it runs beside each other; 0: one after the other */
};

/* How many connections a lane may have, running and queued, that takes `service_us` for one: as
 * many as it serves in FF_WINDOW_US, so that it never idles between hand-offs, yet nothing waits
 * long behind another. 1..FF_WINDOW_MAX. */
uint32_t ff_balance_window(uint32_t service_us);

/* Connections that the lane may get now without any waiting longer than the window; of a lane that
 * runs many at once, as many as it has places. */
uint32_t ff_balance_credit(const struct ff_balance_lane *lane);

/* Connections that it may get when no lane has credit: one behind a request that is not overdue, so
 * that it does not idle until the master has heard of the answer. Where requests take FF_SPARE_US
 * that is little; and what waits behind one of those is not served by another lane that ends first.
 */
uint32_t ff_balance_spare(const struct ff_balance_lane *lane);

/* Does a lane hold clearly more connections than its `share`, when all hold the same? 0: that does
 * not matter. */
bool ff_balance_is_crowded(uint32_t connections, uint32_t share);

/* Who gets the next connection, of those that have room. */
enum ff_policy {
    FF_POLICY_ROUND_ROBIN,  /* whose turn it is */
    FF_POLICY_LEAST_LOADED, /* who has the least; whose turn it is, of several */
    FF_POLICY_IP_HASH,      /* a lane of the slot that the client's address belongs to */
    FF_POLICY_SHARED        /* who takes it: lanes accept for themselves, the master does not */
};

/* Rotation. `owed` counts the turns that lanes lost because they had no room: they get them, at
 * most FF_OWED_MAX, when they have some. So all lanes get the same in the end, and none gets what
 * it can't serve now. NULL: nobody is owed anything.
 *
 * Whose turn is it? The lane, or -1 when none has room. */
int ff_balance_pick(const uint32_t *room, const uint32_t *owed, size_t lanes, size_t cursor);

/* The lane with the least `load` of those with `room`, from the cursor on; -1 when none has room.
 */
int ff_balance_pick_least(const uint32_t *room, const uint32_t *load, size_t lanes, size_t cursor);

/* The slot that all connections from `address` go to while it is open; -1 when none is. When slots
 * come or go, only the clients of those move (rendezvous hashing). */
int ff_balance_home(const uint8_t address[16], const bool *is_open, size_t slots);

/* `lane` was picked and has got something: the turn moves on. */
void ff_balance_turn(uint32_t *owed, size_t lanes, size_t *cursor, size_t lane);

#endif

/* dealer: gives connections to lanes that can serve them now: new ones, and those that wait.
 *
 * Runs in:  master, on the dispatcher's state.
 * Blocks:   never.
 * Owns:     nothing of its own. */
#ifndef FF_DEALER_H
#define FF_DEALER_H

#include "dispatcher.h"

/* Is lane `i` inside one request for longer than busy_us? */
bool ff_dealer_is_overdue(const struct ff_dispatcher *d, size_t i);

/* Has lane `i` left a deal unclaimed for longer than stuck_us, and not answered the ping since? */
bool ff_dealer_is_stuck(const struct ff_dispatcher *d, size_t i);

/* Is there a lane beside `i` that could serve what is taken back there: ready, and not stuck? */
bool ff_dealer_has_other(const struct ff_dispatcher *d, size_t i);

/* Tells the lanes how many connections each would hold if all held the same, so that one which has
 * come to hold many more, and is behind with them, gives some back (ff_lane_is_crowded). */
void ff_dealer_share_out(struct ff_dispatcher *d);

/* Connections that lane `i` may get now (ff_balance_credit). */
uint32_t ff_dealer_credit(const struct ff_dispatcher *d, size_t i);

/* Deals what waits and what can be accepted, as far as lanes have room; with none, the listeners
 * are not polled and the first lane that finds room rings the bell. */
void ff_dealer_deal(struct ff_dispatcher *d);

/* Accepts all that waits in the kernel's queues, whatever room the lanes have. */
void ff_dealer_accept_all(struct ff_dispatcher *d);

/* Can requests run beside each other in one worker? */
bool ff_dealer_has_company(const struct ff_dispatcher *d);

#endif

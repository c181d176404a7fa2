/* keeper: what the master does with connections that no lane holds: parked and closing ones; and
 * what it takes back from lanes that can't serve it.
 *
 * Runs in:  master, on the dispatcher's state.
 * Blocks:   never.
 * Owns:     nothing of its own. */
#ifndef FF_KEEPER_H
#define FF_KEEPER_H

#include "dispatcher.h"
#include "poller.h"

enum { FF_LINGER_MS = 2000, FF_LINGER_KIB = 64, FF_RELIEF_MAX = 128, FF_RARE_MS = 100 };

/* What a poller tag of a connection in the master's hands looks like. */
uint64_t ff_keeper_tag(const struct ff_dispatcher *d, uint32_t id);

/* Does a client seldom speak that asked for `requests` when it did last, and was parked for
 * `quiet_ms` since? Then a lane gives it back with the answer: waiting for it to go on costs more.
 */
bool ff_keeper_is_rare(uint32_t requests, int64_t quiet_ms);

/* Takes in what the lanes gave up: closed connections are released, half-closed ones linger,
 * open ones are parked. */
void ff_keeper_collect(struct ff_dispatcher *d);

/* A connection in the master's poller has something to say: deal it again, read it on, or close
 * it. */
void ff_keeper_event(struct ff_dispatcher *d, const struct ff_poller_event *event);

/* The server stops. A parked connection that has something to say waits for a lane, the others are
 * closed. */
void ff_keeper_end_parked(struct ff_dispatcher *d);

/* No lane will ever be free again: closes what waits for one. */
void ff_keeper_end_waiting(struct ff_dispatcher *d);

/* Out of descriptors: takes in what the lanes gave up, and if that brings none, closes parked
 * connections, those that have been quiet for longest. True when there are some now. */
bool ff_keeper_make_room(struct ff_dispatcher *d);

/* Closes what has been parked or lingering for too long. */
void ff_keeper_expire(struct ff_dispatcher *d);

/* Takes back what lanes hold and can't serve now: lanes that are inside one request for too long,
 * while another could serve that, or that leave a deal unclaimed (a stopped process, a blocked
 * loop). Needs nothing from the worker. At most FF_RELIEF_MAX connections of a lane at a time, so
 * that one pass of the master stays short. */
void ff_keeper_relieve(struct ff_dispatcher *d);

/* Takes back all that `lane` holds and does not run; its channel is empty then. */
void ff_keeper_clear(struct ff_dispatcher *d, uint16_t lane);

/* When expire, collect or relieve is due next; INT64_MAX if never. */
int64_t ff_keeper_next(const struct ff_dispatcher *d);

/* Moves `id` to `list` and lets the poller tell when its client says something. */
void ff_keeper_keep(struct ff_dispatcher *d, uint32_t id, uint16_t list);

/* Answers with `status` in a worker's place, and ends the connection: nothing of an answer was
 * sent.
 */
void ff_keeper_refuse(struct ff_dispatcher *d, uint32_t id, int status);

/* In the next image of this process: watches all that are kept, as before. */
void ff_keeper_watch_all(struct ff_dispatcher *d);

/* Keeps an open connection until its client says something. */
void ff_keeper_park(struct ff_dispatcher *d, uint32_t id);

/* Ends a connection, wherever it is; shuts it down first unless a lane has done that already. */
void ff_keeper_release(struct ff_dispatcher *d, uint32_t id, bool is_shut);

/* Takes in `id` if `lane` gave it up. It is believed only where its own word and the private owner
 * agree. */
void ff_keeper_take_in(struct ff_dispatcher *d, uint32_t id, uint16_t lane);

/* Takes in all that `lane` gave up, or a part: then false. */
bool ff_keeper_collect_lane(struct ff_dispatcher *d, uint16_t lane);

/* Closes the copies that wait in the channel: the words decide what happens, never the messages. */
void ff_keeper_empty_channel(const struct ff_master_lane *lane);

#endif

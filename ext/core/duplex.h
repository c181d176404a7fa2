/* duplex: one request and its answer, beside others on the same lane. exchange.h for who must not
 * wait.
 *
 * Runs in:  lane with config.at_once, from FF_LANE_REQUEST until ff_exchange_finish or _abort, or
 *           ff_duplex_close.
 * Blocks:   never. What can't be done now is wanted; then ff_lane_next gives FF_LANE_NEWS with the
 *           connection once it can be: work->news says which, work->trouble whether it failed.
 * Owns:     nothing.
 *
 * The content of the request lies at work->body_at, work->body_len octets of it; ff_exchange_read
 * takes it out. The answer is begun as in exchange.h. */
#ifndef FF_DUPLEX_H
#define FF_DUPLEX_H

#include "lane.h"

/* Output octets from which on the writer should wait, until so few are left. */
enum { FF_DUPLEX_HIGH = 64 * 1024, FF_DUPLEX_LOW = 16 * 1024 };

/* There is no content left: asks for more. 1: there is some, or its end has come; 0: FF_NEWS_INPUT
 * will tell; -ECONNRESET when the client ended too early; -EPROTO when its framing is broken;
 * -EFBIG when it goes beyond a limit; -ETIMEDOUT; -ENOMEM. */
int ff_duplex_want_input(struct ff_lane *lane, struct ff_conn *c);

/* Asks for the client's end. 1: it has come; 0: FF_NEWS_END will tell, or -errno. */
int ff_duplex_want_end(struct ff_lane *lane, struct ff_conn *c);

/* Adds `n` octets of content behind the head; sends, unless this is the last part and small. What
 * the socket does not take is kept. 0; -EMSGSIZE when the response has less room (the rest is
 * dropped); another -errno when the client is slow or gone. */
int ff_duplex_write(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n,
                    bool is_last);

/* Sends `n` octets as they are, behind what waits. 0 or -errno. */
int ff_duplex_push(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n);

/* Asks for room in the output. 1: there is some; 0: FF_NEWS_ROOM will tell; or -errno. */
int ff_duplex_want_room(struct ff_lane *lane, struct ff_conn *c);

/* No content is asked for any more: what the client sends waits in its socket. */
void ff_duplex_want_no_input(struct ff_lane *lane, struct ff_conn *c);

/* From here on the connection is no HTTP: content is whatever the client sends, without time-outs,
 * and only ff_duplex_push writes. 0 or -ENOMEM. */
int ff_duplex_tunnel(struct ff_lane *lane, struct ff_conn *c);

/* Ends a tunnel, when what waits is out. */
void ff_duplex_close(struct ff_lane *lane, struct ff_conn *c);

/* For the lane: the poller says something of a request that runs / its deadline is over. */
void ff_duplex_event(struct ff_lane *lane, struct ff_conn *c, uint32_t events);
void ff_duplex_expire(struct ff_lane *lane, struct ff_conn *c);

#endif

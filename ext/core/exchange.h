/* exchange: one request and its answer, as a binding works on them.
 *
 * Runs in:  lane, between ff_lane_next and ff_exchange_finish (or _abort) of that connection.
 * Blocks:   where it says so; the caller gives up the GIL then.
 * Owns:     nothing.
 *
 * Order: read what is needed; ff_http_response_start, _field and _end_head on work->response;
 * write; finish. */
#ifndef FF_EXCHANGE_H
#define FF_EXCHANGE_H

#include "lane.h"

/* Output octets of one connection that wait in memory. */
enum { FF_EXCHANGE_PENDING_MAX = 1 << 20 };

/* Reads up to `n` octets of the request's content; blocks (up to the body time-out) when none
 * are there yet. The number; 0 at its end; -ETIMEDOUT; -ECONNRESET when the client ended too
 * early; -EPROTO when its framing is broken; -EFBIG when it goes beyond a limit; -EINTR to be
 * called again; -EIO, or what else is wrong with the file that it waited in. */
ssize_t ff_exchange_read(struct ff_lane *lane, struct ff_conn *c, void *to, size_t n);

/* May the connection go on after this request, as far as we are concerned? */
bool ff_exchange_keeps_alive(const struct ff_lane *lane, const struct ff_conn *c);

/* The request must not be run a second time, should this process die with it. */
void ff_exchange_forbid_replay(struct ff_lane *lane, struct ff_conn *c);

/* Sends `head`, a whole interim response (1xx), at once, before the answer itself. 0 or as
 * ff_exchange_write. */
int ff_exchange_inform(struct ff_lane *lane, struct ff_conn *c, const struct ff_buffer *head);

/* Adds `n` octets of content behind the head. Small parts are gathered; large ones go out at
 * once, and what the socket does not take is kept; beyond FF_EXCHANGE_PENDING_MAX a file takes it
 * if it may and can, or it is waited for (blocks up to the write time-out). 0; -EMSGSIZE when the
 * response has less room (the rest is dropped); -ETIMEDOUT; another -errno when the client is gone.
 */
int ff_exchange_write(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n);

/* All that is written from now on is at hand: what the client does not take at once may wait for it
 * in a file. */
void ff_exchange_let_spill(struct ff_conn *c);

/* Sends what is gathered; blocks only beyond FF_EXCHANGE_PENDING_MAX. 0 or as ff_exchange_write. */
int ff_exchange_flush(struct ff_lane *lane, struct ff_conn *c);

/* Sends `n` octets of `file` from `offset` on, the last part of the response; what the socket does
 * not take goes out as the client reads, from a descriptor of its own. Blocks only without one. As
 * ff_exchange_write; also -EIO when the file turns out to be shorter. */
int ff_exchange_send_file(struct ff_lane *lane, struct ff_conn *c, int file, int64_t offset,
                          size_t n);

/* Ends the response and lets the connection go on: its next request, idle, or closed. -EMSGSIZE:
 * the content was shorter than its Content-Length (the connection is cut). Otherwise 0. */
int ff_exchange_finish(struct ff_lane *lane, struct ff_conn *c);

/* Answers with the server's own page for `status` when nothing of the response went out, else
 * cuts the connection so that the client sees it is incomplete. A body whose Content-Length is
 * reached goes out whole before the connection is closed. */
void ff_exchange_abort(struct ff_lane *lane, struct ff_conn *c, int status);

#endif

/* tenure: what becomes of a connection while a lane holds it, and how it leaves.
 *
 * Runs in:  lane.
 * Blocks:   never.
 * Owns:     nothing of its own; works on the lane's connections.
 *
 * State here follows from two facts: the phase of the input (conn.h) and whether the flusher has
 * it. The word in the conn table, the deadline and what the poller watches are
 * set from them in one place. */
#ifndef FF_TENURE_H
#define FF_TENURE_H

#include "lane.h"

static inline struct ff_conn_line *ff_tenure_line(const struct ff_lane *lane,
                                                  const struct ff_conn *c)
{
    return &lane->config.seat.page->conn[c->id];
}

static inline bool ff_tenure_is_idle(const struct ff_conn *c)
{
    return ff_word_state(c->word) == FF_IDLE;
}

/* May the master have taken it? */
static inline bool ff_tenure_rests(const struct ff_conn *c)
{
    return ff_tenure_is_idle(c) || ff_word_state(c->word) == FF_HALF;
}

/* Goes on with a connection, which may have rested. False, and our copy is dropped, if the master
 * has taken it meanwhile. */
bool ff_tenure_wake(struct ff_lane *lane, struct ff_conn *c);

/* Drops what the master has taken meanwhile. */
void ff_tenure_drop_taken(struct ff_lane *lane);

/* Looks for `events` (FF_POLL_*, some) of it / for none. 0 or -errno. */
int ff_tenure_watch(struct ff_lane *lane, struct ff_conn *c, uint8_t events);
void ff_tenure_unwatch(struct ff_lane *lane, struct ff_conn *c);

/* Shuts it down and tells the master. */
void ff_tenure_close(struct ff_lane *lane, struct ff_conn *c);

/* Closes what lingers, or reads a part of it and drops that: only where lanes accept for
 * themselves. */
void ff_tenure_end(struct ff_lane *lane, struct ff_conn *c);
void ff_tenure_drain(struct ff_lane *lane, struct ff_conn *c);

/* Cuts it by a reset: what was sent must not pass for a whole response. */
void ff_tenure_reset(struct ff_lane *lane, struct ff_conn *c);

/* The master took it: drops our copy and no more. */
void ff_tenure_drop(struct ff_lane *lane, struct ff_conn *c);

/* Gives an idle connection back to the master, open; it learns of that when the lane waits. */
void ff_tenure_give_back(struct ff_lane *lane, struct ff_conn *c);

/* Sends the output as far as the socket takes it, then closes, waits for the client, or leaves the
 * rest to the flusher. `was` is the phase before this input. */
void ff_tenure_settle(struct ff_lane *lane, struct ff_conn *c, uint8_t was);

/* The flusher gave it back with `result`: goes on as ff_tenure_settle. */
void ff_tenure_flushed(struct ff_lane *lane, struct ff_conn *c, int result);

/* How fast a client must read, if `is_write`, or send a body. */
static inline struct ff_pace_rule ff_tenure_pace(const struct ff_lane *lane, bool is_write)
{
    int64_t grace_ms = lane->config.wait_ms[is_write ? FF_WAIT_WRITE : FF_WAIT_BODY];
    return (struct ff_pace_rule){.grace_us = grace_ms * 1000, .per_s = lane->config.limits.rate};
}

/* The clock of clients whose request is half there: it stands while the application runs here. */
static inline int64_t ff_tenure_listened_us(const struct ff_lane *lane)
{
    return lane->now_ms * 1000 - lane->away_us;
}

/* Has the client kept up with its request? In the milliseconds of the deadlines, so that a stall is
 * over when its deadline says so. */
bool ff_tenure_keeps_up(const struct ff_lane *lane, struct ff_conn *c);

/* Lets the connection wait for its client to say more; `was` is the phase before this input. */
void ff_tenure_rest(struct ff_lane *lane, struct ff_conn *c, uint8_t was);

/* Has the head taken longer than it may, at whichever lanes? */
static inline bool ff_tenure_has_late_head(const struct ff_lane *lane, const struct ff_conn *c)
{
    int64_t most = lane->config.wait_ms[FF_WAIT_HEAD] / 100;
    uint16_t took = (uint16_t)(lane->now_ms / 100 - ff_tenure_line(lane, c)->head_at);
    return most > 0 && most < UINT16_MAX / 2 && took > most;
}

/* Answers with the server's own page for `status` and closes. */
void ff_tenure_refuse(struct ff_lane *lane, struct ff_conn *c, int status);

/* Goes on with the input that is buffered. True when a request can run: then the output stays
 * gathered. */
bool ff_tenure_advance(struct ff_lane *lane, struct ff_conn *c);

/* The client may have said something. True when a request can run. */
bool ff_tenure_read(struct ff_lane *lane, struct ff_conn *c);

/* Lets a connection run as it is, without HTTP; ff_duplex_close ends it. False without memory: it
 * is closed. */
bool ff_tenure_run(struct ff_lane *lane, struct ff_conn *c);

/* A worker died with this connection: goes on with the `n` octets that it had read. As
 * ff_tenure_read. */
bool ff_tenure_replay(struct ff_lane *lane, struct ff_conn *c, const char *bytes, size_t n);

/* The Date of now; valid until the next call. */
const char *ff_tenure_date(struct ff_lane *lane);

#endif

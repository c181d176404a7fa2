#include "tenure.h"

#include "clock.h"
#include "crash.h"
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FF_LINGER_BYTES = 64 * 1024 };
enum { SLOW_US = 250 };

/* ---- words and phases ---- */

/* Says in the conn table what state our connection is in. */
static void set_state(struct ff_lane *lane, struct ff_conn *c, enum ff_state state)
{
    lane->busy += (uint32_t)ff_tenure_is_idle(c);
    lane->busy -= state == FF_IDLE;
    c->word = state == FF_HALF ? ff_word_half(c->word, ++c->turn) : ff_word_with(c->word, state);
    ff_crash_point();
    ff_word_set(ff_tenure_line(lane, c), c->word);
}

/* Is the application to be called a second time for this, should we die? */
static bool is_unsafe(enum ff_replay replay, const struct ff_conn *c)
{
    return replay == FF_REPLAY_OFF || !ff_conn_is_safe(c, replay == FF_REPLAY_IDEMPOTENT);
}

/* What holds when the output is out. */
static struct ff_base next_base(const struct ff_conn *c)
{
    const struct ff_work *w = c->work;
    return (struct ff_base){.rx = c->received - ff_buffer_len(&w->in),
                            .tx = c->sent + ff_buffer_len(&w->out),
                            .at = (uint32_t)w->in.start,
                            .block = w->in.is_lent ? w->block : 0};
}

/* Tells what we will have done when the output is out. */
static void plan(const struct ff_lane *lane, const struct ff_conn *c)
{
    uint32_t n = (uint32_t)ff_buffer_len(&c->work->out);
    ff_progress_plan(ff_tenure_line(lane, c), next_base(c), n, c->is_closing);
}

int ff_tenure_watch(struct ff_lane *lane, struct ff_conn *c, uint8_t events)
{
    if (c->watched == events)
        return 0;
    uint64_t tag = (uint64_t)c->id | ff_word_generation(c->word) << 24;
    int r = c->watched ? ff_poller_change(lane->poller, c->fd, events, tag)
                       : ff_poller_add(lane->poller, c->fd, events, tag);
    if (r == 0)
        c->watched = events;
    return r;
}

void ff_tenure_unwatch(struct ff_lane *lane, struct ff_conn *c)
{
    /* a closed copy would go on reporting: the file lives */
    if (c->watched)
        ff_poller_remove(lane->poller, c->fd);
    c->watched = 0;
}

/* ---- the ends of a connection ---- */

/* Forgets our side of it: whoever reads the word next has it. */
static void forget(struct ff_lane *lane, struct ff_conn *c)
{
    ff_deadlines_clear(&c->deadline);
    ff_works_take_back(&lane->works, c);
    lane->conn[c->id] = NULL;
    lane->busy -= (uint32_t)!ff_tenure_is_idle(c);
    atomic_store_explicit(&lane->line->connections,
                          atomic_load_explicit(&lane->line->connections, memory_order_relaxed) - 1,
                          memory_order_relaxed);
    free(c);
}

/* The descriptor is closed already: tells the master, which holds the other copy. */
static void hand_over(struct ff_lane *lane, struct ff_conn *c, enum ff_state state)
{
    uint32_t id = c->id;
    ff_word_set(ff_tenure_line(lane, c), ff_word_with(c->word, state));
    ff_crash_point();
    forget(lane, c);
    if (lane->sharer)
        ff_sharer_release(lane->sharer, id);
    else
        ff_return_push(lane->config.seat.page, lane->config.seat.lane, id);
}

/* Nobody else has a copy to read to its end: does it here. */
static void linger(struct ff_lane *lane, struct ff_conn *c)
{
    ff_works_take_back(&lane->works, c);
    c->phase = FF_PHASE_LINGER;
    set_state(lane, c, FF_LINGER);
    ff_deadlines_set(&lane->deadlines, &c->deadline, FF_WAIT_LINGER, lane->now_ms);
    if (ff_tenure_watch(lane, c, FF_POLL_IN) < 0)
        ff_tenure_end(lane, c);
}

void ff_tenure_close(struct ff_lane *lane, struct ff_conn *c)
{
    bool is_half = ff_conn_shut(c);
    if (is_half && lane->sharer) {
        linger(lane, c);
        return;
    }
    ff_tenure_unwatch(lane, c);
    c->fd = ff_sock_close(c->fd);
    hand_over(lane, c, is_half ? FF_LINGER : FF_CLOSED);
}

void ff_tenure_end(struct ff_lane *lane, struct ff_conn *c)
{
    ff_tenure_unwatch(lane, c);
    c->fd = ff_sock_close(c->fd);
    hand_over(lane, c, FF_CLOSED);
}

void ff_tenure_drain(struct ff_lane *lane, struct ff_conn *c)
{
    char trash[4096];
    ssize_t n = recv(c->fd, trash, sizeof(trash), MSG_DONTWAIT);
    c->drained += n > 0 ? (uint32_t)n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->drained > FF_LINGER_BYTES)
        ff_tenure_end(lane, c);
}

void ff_tenure_reset(struct ff_lane *lane, struct ff_conn *c)
{
    ff_tenure_unwatch(lane, c);
    ff_conn_reset(c);
    hand_over(lane, c, FF_CLOSED);
}

void ff_tenure_drop(struct ff_lane *lane, struct ff_conn *c)
{
    ff_tenure_unwatch(lane, c);
    close(c->fd);
    forget(lane, c);
}

bool ff_tenure_wake(struct ff_lane *lane, struct ff_conn *c)
{
    uint64_t mine = ff_word_with(c->word, FF_READING);
    if (!ff_tenure_rests(c))
        return true;
    if (!ff_word_claim(ff_tenure_line(lane, c), c->word, mine)) {
        ff_tenure_drop(lane, c);
        return false;
    }
    lane->busy += (uint32_t)ff_tenure_is_idle(c);
    c->word = mine;
    return true;
}

void ff_tenure_drop_taken(struct ff_lane *lane)
{
    for (uint32_t id = 1; id <= lane->config.seat.page->conns_max; id++) {
        struct ff_conn *c = lane->conn[id];
        if (c && ff_tenure_rests(c) && atomic_load(&ff_tenure_line(lane, c)->word) != c->word)
            ff_tenure_drop(lane, c);
    }
}

void ff_tenure_give_back(struct ff_lane *lane, struct ff_conn *c)
{
    ff_tenure_unwatch(lane, c);
    close(c->fd);
    hand_over(lane, c, FF_PARKED);
    if (lane->config.at_once > 0)
        ff_lane_ring(lane); /* it may wait already: answers end at any time */
    else
        lane->owes_ring = true;
}

/* ---- between requests ---- */

static void set_deadline(struct ff_lane *lane, struct ff_conn *c, uint8_t was)
{
    enum ff_wait wait = c->phase == FF_PHASE_HEAD ? FF_WAIT_HEAD : FF_WAIT_BODY;
    if (c->phase == FF_PHASE_QUIET) /* nobody else looks after one that says nothing at all */
        wait = lane->sharer && c->received == 0 ? FF_WAIT_HEAD : FF_WAIT_PARK;
    else if (c->phase == FF_PHASE_HEAD && was == FF_PHASE_HEAD && ff_deadline_is_set(&c->deadline))
        return; /* the whole head has one deadline: octets that dribble in don't move it */
    ff_deadlines_set(&lane->deadlines, &c->deadline, (int)wait, lane->now_ms);
    if (!c->is_moved)
        ff_tenure_line(lane, c)->head_at = (uint16_t)(lane->now_ms / 100);
    c->is_moved = false;
}

/* Is a connection that was answered the master's again at once? When its client seldom speaks,
 * we leave, or others have time for it. While all lanes are full, what is hot must not overtake
 * what waits in the master; unless requests are so short that going there and back would cost more
 * than the waiting. */
static bool goes_back(const struct ff_lane *lane, const struct ff_conn *c)
{
    if (lane->mode == FF_LANE_LEAVING || ff_tenure_line(lane, c)->is_rare ||
        ff_lane_is_crowded(lane))
        return true;
    return atomic_load_explicit(&lane->config.seat.page->all_full, memory_order_relaxed) &&
           atomic_load_explicit(&lane->line->service_us, memory_order_relaxed) >= SLOW_US;
}

bool ff_tenure_keeps_up(const struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_pace_rule rule = ff_tenure_pace(lane, false);
    if (c->phase == FF_PHASE_HEAD) /* its deadline here says less, if it began at another lane */
        return !ff_tenure_has_late_head(lane, c);
    return c->phase != FF_PHASE_BODY ||
           ff_pace_goes_on(&c->work->reading, &rule, ff_tenure_listened_us(lane), c->received);
}

void ff_tenure_rest(struct ff_lane *lane, struct ff_conn *c, uint8_t was)
{
    bool is_quiet = c->phase == FF_PHASE_QUIET;
    struct ff_pace_rule rule = ff_tenure_pace(lane, false);
    if (is_quiet && goes_back(lane, c)) {
        ff_tenure_give_back(lane, c);
        return;
    }
    if (ff_tenure_watch(lane, c, FF_POLL_IN) < 0) {
        ff_tenure_close(lane, c);
        return;
    }
    set_deadline(lane, c, was);
    if (c->phase == FF_PHASE_BODY)
        ff_pace_wait(&c->work->reading, &rule, ff_tenure_listened_us(lane), c->received);
    if (is_quiet)
        ff_works_take_back(&lane->works, c);
    set_state(lane, c, is_quiet ? FF_IDLE : FF_HALF);
}

/* The socket takes no more: the flusher has the connection until its client has read on. */
static void leave_to_flusher(struct ff_lane *lane, struct ff_conn *c)
{
    ff_tenure_unwatch(lane, c);
    ff_deadlines_clear(&c->deadline);
    set_state(lane, c, FF_FLUSH);
    if (ff_flusher_give(lane->flusher, c) < 0)
        ff_tenure_reset(lane, c); /* no thread: it can't be told from a slow reader's end */
}

/* The output is out: closes, goes on with what is buffered, or waits. */
static void go_on(struct ff_lane *lane, struct ff_conn *c, uint8_t was, bool is_planned)
{
    struct ff_conn_line *line = ff_tenure_line(lane, c);
    if (c->is_closing) { /* the last answer stays a plan: who dies now must not leave it open */
        ff_tenure_close(lane, c);
        return;
    }
    if (c->sent != ff_progress_base(line)->tx) {
        if (!is_planned)
            plan(lane, c);
        ff_progress_commit(line);
    }
    if (c->phase != FF_PHASE_QUIET || ff_buffer_len(&c->work->in) == 0)
        ff_tenure_rest(lane, c, was);
    else if (ff_tenure_advance(lane, c)) /* a pipelined request had to wait for the output */
        ff_lane_list(lane, c);
}

void ff_tenure_settle(struct ff_lane *lane, struct ff_conn *c, uint8_t was)
{
    ssize_t r = 0;
    bool is_planned = ff_conn_has_output(c) && ff_spool_len(&c->work->file) == 0 &&
                      c->sent == ff_progress_base(ff_tenure_line(lane, c))->tx;
    if (is_planned)
        plan(lane, c);
    while (ff_conn_has_output(c) && r >= 0)
        r = ff_conn_send(c, NULL);
    if (r == -EAGAIN)
        leave_to_flusher(lane, c);
    else if (r < 0)
        ff_tenure_close(lane, c);
    else
        go_on(lane, c, was, is_planned);
}

void ff_tenure_flushed(struct ff_lane *lane, struct ff_conn *c, int result)
{
    if (result == -EIO)
        lane->file_trouble = result;
    if (result == -ETIMEDOUT || result == -EIO)
        ff_tenure_reset(lane, c); /* what the kernel still holds for it goes, too */
    else if (result < 0)
        ff_tenure_close(lane, c);
    else
        go_on(lane, c, c->phase, false);
}

void ff_tenure_refuse(struct ff_lane *lane, struct ff_conn *c, int status)
{
    bool is_head = c->phase >= FF_PHASE_HEAD && c->work->request.is_head;
    c->is_closing = true;
    ff_page_count(&lane->line->refusals[ff_http_refusal_kind(status)], 1);
    if (ff_http_refusal(&c->work->out, status, is_head, ff_tenure_date(lane)) < 0)
        ff_tenure_close(lane, c);
    else
        ff_tenure_settle(lane, c, c->phase);
}

/* Does the input begin with a header of the PROXY protocol? It is all that stands before the first
 * octet of the first request, so nothing has to be remembered. */
static bool must_introduce(const struct ff_lane *lane, const struct ff_conn *c)
{
    return lane->config.proxy != FF_PROXY_OFF && c->received == ff_buffer_len(&c->work->in) &&
           ff_networks_has(&lane->config.relays, &ff_tenure_line(lane, c)->peer);
}

/* Takes the header of the PROXY protocol out of the input: a relay says whom it speaks for. As
 * ff_conn_advance. */
static int introduce(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_conn_line *line = ff_tenure_line(lane, c);
    struct ff_buffer *in = &c->work->in;
    struct ff_peer client = line->peer;
    int n = ff_proxy_read(ff_buffer_head(in), ff_buffer_len(in), lane->config.proxy, &client);
    c->phase = FF_PHASE_HEAD;
    c->work->request.is_head = false; /* that is another request's */
    if (n <= 0)
        return n < 0 ? 400 : FF_HTTP_MORE;
    ff_buffer_consume(in, (size_t)n);
    line->client = client;
    ff_progress_move(line, next_base(c)); /* who dies before this has taken nothing */
    c->phase = FF_PHASE_QUIET;
    return FF_HTTP_DONE;
}

/* Reads what the peer says of the client that it forwards for, if it is believed. As
 * ff_conn_advance. */
static int believe(const struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    w->forwarded = (struct ff_http_forwarded){0};
    if (!ff_networks_has(&lane->config.trusted, &ff_tenure_line(lane, c)->peer))
        return FF_HTTP_DONE;
    return ff_http_forwarded_read(ff_buffer_head(&w->in), &w->request, &lane->config.trusted,
                                  &w->forwarded);
}

/* RFC 9110 7.4: "https" that came in the clear, and not from a proxy that ended TLS for us. */
static bool is_misdirected(const struct ff_lane *lane, const struct ff_conn *c)
{
    return c->work->request.is_https &&
           !ff_networks_has(&lane->config.trusted, &ff_tenure_line(lane, c)->peer);
}

/* Goes on with the input as far as it can. */
static int advance(struct ff_lane *lane, struct ff_conn *c)
{
    int verdict = must_introduce(lane, c) ? introduce(lane, c) : FF_HTTP_DONE;
    if (verdict == FF_HTTP_DONE)
        verdict = ff_conn_advance(c, &lane->config.limits, &lane->spool_trouble);
    if (verdict == FF_HTTP_DONE && is_misdirected(lane, c))
        return 421;
    if (verdict == FF_HTTP_DONE && c->work->request.is_forwarded)
        verdict = believe(lane, c);
    return verdict;
}

bool ff_tenure_advance(struct ff_lane *lane, struct ff_conn *c)
{
    uint8_t was = c->phase;
    int verdict = advance(lane, c);
    if (was != FF_PHASE_BODY)
        c->work->reading.since_us = c->work->writing.since_us = 0;
    if (verdict == FF_HTTP_DONE) {
        ff_deadlines_clear(&c->deadline);
        ff_conn_begin(c);
        ff_progress_begin(ff_tenure_line(lane, c), c->received, is_unsafe(lane->config.replay, c));
        set_state(lane, c, FF_RUNNING);
        return true;
    }
    if (verdict != FF_HTTP_MORE) {
        ff_tenure_refuse(lane, c, verdict);
        return false;
    }
    if (c->phase == FF_PHASE_BODY)
        ff_conn_continue(c); /* without memory the client sends its body a little later */
    ff_tenure_settle(lane, c, was);
    return false;
}

bool ff_tenure_read(struct ff_lane *lane, struct ff_conn *c)
{
    bool had_work = c->work != NULL;
    ff_works_lend(&lane->works, c);
    if (c->work && (!had_work || ff_conn_leaves_block(c)))
        ff_progress_lend(ff_tenure_line(lane, c), ff_conn_leaves_block(c) ? 0 : c->work->block);
    if (c->phase == FF_PHASE_BODY && ff_conn_leaves_block(c))
        ff_works_make_room(&lane->works, &c->work->in, ff_conn_lacks(c, &lane->config.limits));
    struct ff_conn_line *line = ff_tenure_line(lane, c);
    bool is_told = line->peer.family == 0; /* the kernel does not count for a unix socket */
    if (is_told)
        ff_progress_read(line);
    ssize_t n = c->work ? ff_conn_receive(c) : -ENOMEM;
    if (is_told)
        ff_progress_tell(line, c->received);
    if (n > 0 && ff_tenure_keeps_up(lane, c))
        return ff_tenure_advance(lane, c);
    if (n > 0)
        ff_tenure_refuse(lane, c, 408);
    else if (n == -EAGAIN)
        ff_tenure_rest(lane, c, c->phase);
    else
        ff_tenure_close(lane, c);
    return false;
}

bool ff_tenure_run(struct ff_lane *lane, struct ff_conn *c)
{
    ff_works_lend(&lane->works, c);
    if (!c->work || ff_buffer_own(&c->work->in) < 0) {
        ff_tenure_close(lane, c);
        return false;
    }
    c->phase = FF_PHASE_RUN;
    ff_conn_begin(c);
    c->work->is_tunnel = true;
    ff_progress_raw(ff_tenure_line(lane, c));
    set_state(lane, c, FF_RUNNING);
    return true;
}

bool ff_tenure_replay(struct ff_lane *lane, struct ff_conn *c, const char *bytes, size_t n)
{
    ff_works_lend(&lane->works, c);
    if (!c->work || ff_buffer_append(&c->work->in, bytes, n) < 0) {
        ff_tenure_close(lane, c);
        return false;
    }
    c->is_moved = n > 0;
    c->received += n; /* they are in the block before it is said to hold them */
    ff_progress_lend(ff_tenure_line(lane, c), c->work->in.is_lent ? c->work->block : 0);
    return ff_tenure_advance(lane, c);
}

const char *ff_tenure_date(struct ff_lane *lane)
{
    int64_t now_s = ff_clock_wall_s();
    if (now_s != lane->date_s) {
        lane->date_s = now_s;
        ff_http_date(now_s, lane->date);
    }
    return lane->date;
}

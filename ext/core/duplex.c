#include "duplex.h"

#include "clock.h"
#include "progress.h"
#include "tenure.h"

#include <errno.h>

enum { GATHER_MAX = 16 * 1024 };

/* ---- what is waited for ---- */

static bool has_output(const struct ff_conn *c)
{
    return ff_buffer_len(&c->work->out) > 0;
}

/* Does a time-out run for the content? */
static bool awaits_content(const struct ff_conn *c)
{
    return c->work->wants & FF_NEWS_INPUT && !c->work->is_tunnel;
}

static uint8_t interest(const struct ff_conn *c)
{
    uint8_t wants = c->work->wants;
    return (uint8_t)((wants & FF_NEWS_INPUT ? FF_POLL_IN : 0) |
                     (wants & FF_NEWS_END ? FF_POLL_HUP : 0) | (has_output(c) ? FF_POLL_OUT : 0));
}

/* What was asked for has happened: who asked is told when the lane is asked what is next. */
static void tell(struct ff_lane *lane, struct ff_conn *c, uint8_t news)
{
    c->work->news |= news;
    c->work->wants &= (uint8_t)~news;
    ff_lane_list(lane, c);
}

/* Nothing more can be read or written. */
static void fail(struct ff_lane *lane, struct ff_conn *c, int r)
{
    c->work->trouble = r;
    ff_buffer_clear(&c->work->out);
    ff_deadlines_clear(&c->deadline);
    ff_tenure_unwatch(lane, c);
    if (c->work->wants)
        tell(lane, c, c->work->wants);
}

/* Looks for what is wanted now, and no longer than the client may take for it. What is in `still`
 * is looked for if it was before: who has just been told of it most often wants more, at once. */
static void look_on(struct ff_lane *lane, struct ff_conn *c, uint8_t still)
{
    uint8_t events = interest(c) | (c->watched & still);
    int r = 0;
    if (events)
        r = ff_tenure_watch(lane, c, events);
    else
        ff_tenure_unwatch(lane, c);
    if (r < 0)
        fail(lane, c, r);
    else if (awaits_content(c) || has_output(c))
        ff_deadlines_set(&lane->deadlines, &c->deadline,
                         awaits_content(c) ? FF_WAIT_BODY : FF_WAIT_WRITE, lane->now_ms);
    else
        ff_deadlines_clear(&c->deadline);
}

static void look_out(struct ff_lane *lane, struct ff_conn *c)
{
    look_on(lane, c, 0);
}

static void begin_to_wait(const struct ff_lane *lane, struct ff_conn *c, bool is_write)
{
    struct ff_pace_rule rule = ff_tenure_pace(lane, is_write);
    ff_pace_wait(is_write ? &c->work->writing : &c->work->reading, &rule, lane->now_ms * 1000,
                 is_write ? ff_conn_taken(c) : c->received);
}

/* Is the client fast enough, in what we wait for? */
static bool keeps_up(const struct ff_lane *lane, struct ff_conn *c, bool is_write)
{
    struct ff_pace_rule rule = ff_tenure_pace(lane, is_write);
    return ff_pace_goes_on(is_write ? &c->work->writing : &c->work->reading, &rule,
                           lane->now_ms * 1000, is_write ? ff_conn_taken(c) : c->received);
}

void ff_duplex_want_no_input(struct ff_lane *lane, struct ff_conn *c)
{
    c->work->wants &= (uint8_t)~FF_NEWS_INPUT;
    look_out(lane, c);
}

/* ---- input ---- */

/* Reads once. 1: there is content, or its end; 0: not yet; or -errno. */
static int receive(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    ssize_t n = ff_conn_receive(c);
    if (n < 0)
        return n == -EAGAIN ? 0 : (int)n;
    if (w->is_tunnel) {
        w->body_len += (size_t)n;
        return 1;
    }
    if (n == 0)
        return -ECONNRESET;
    int verdict = ff_conn_decode(c);
    if (verdict > FF_HTTP_DONE)
        return verdict == 413 ? -EFBIG : -EPROTO;
    return w->body_len > 0 || verdict == FF_HTTP_DONE;
}

int ff_duplex_want_input(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    if (w->trouble)
        return w->trouble;
    w->is_read_on = true;
    if (c->is_ended)
        return w->is_tunnel ? 1 : -ECONNRESET;
    ff_progress_lend(ff_tenure_line(lane, c), 0); /* what was read before is overwritten */
    w->body_at = w->is_tunnel ? 0 : w->request.head_len;
    w->in.end = w->in.start + w->body_at;
    int r = ff_conn_continue(c);
    if (r == 0 && has_output(c))
        r = ff_duplex_push(lane, c, NULL, 0);
    w->is_begun = w->is_begun && w->response.out;   /* 100 Continue is not the answer */
    if (r == 0 && !(w->is_tunnel && c->is_drained)) /* else the poller knows what has come since */
        r = receive(c);
    if (r < 0)
        w->trouble = r;
    if (r != 0)
        return r;
    w->wants |= FF_NEWS_INPUT;
    begin_to_wait(lane, c, false);
    look_out(lane, c);
    return w->trouble;
}

int ff_duplex_want_end(struct ff_lane *lane, struct ff_conn *c)
{
    if (c->is_ended || c->work->trouble)
        return 1;
    c->work->wants |= FF_NEWS_END;
    look_out(lane, c);
    return c->work->trouble;
}

static void take_input(struct ff_lane *lane, struct ff_conn *c)
{
    int r = receive(c);
    if (r >= 0 && awaits_content(c) && !keeps_up(lane, c, false))
        r = -ETIMEDOUT;
    if (r < 0)
        fail(lane, c, r);
    else if (r > 0)
        tell(lane, c, FF_NEWS_INPUT);
}

/* ---- output ---- */

/* Sends the output and `more` behind it; keeps what the socket does not take. */
static int push(struct ff_lane *lane, struct ff_conn *c, struct ff_conn_more more)
{
    struct ff_work *w = c->work;
    bool is_waiting = c->watched & FF_POLL_OUT; /* the socket is full */
    if (w->trouble)
        return w->trouble;
    ff_progress_send(ff_tenure_line(lane, c));
    while (!is_waiting && (ff_buffer_len(&w->out) > 0 || ff_conn_is_more(&more))) {
        int sent = ff_conn_send(c, &more);
        if (sent < 0 && sent != -EAGAIN)
            return w->trouble = sent;
        is_waiting = sent < 0;
    }
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++)
        r = ff_buffer_append(&w->out, more.piece[i].iov_base, more.piece[i].iov_len);
    if (r == 0 && is_waiting && !(c->watched & FF_POLL_OUT)) {
        begin_to_wait(lane, c, true);
        look_on(lane, c, FF_POLL_IN);
    }
    return r < 0 ? r : w->trouble;
}

int ff_duplex_push(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n)
{
    return push(lane, c, (struct ff_conn_more){{{(void *)data, n}}});
}

int ff_duplex_write(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n,
                    bool is_last)
{
    struct ff_work *w = c->work;
    struct ff_http_response *response = &w->response;
    bool is_small = is_last && ff_buffer_len(&w->out) + n <= GATHER_MAX;
    if (w->trouble)
        return w->trouble;
    int64_t allowed = n > 0 ? ff_http_response_begin_part(response, n) : 0;
    struct ff_conn_more more = {0};
    int r = allowed < 0 ? (int)allowed : 0;
    if (allowed > GATHER_MAX) {
        more = ff_conn_part(c, data, (size_t)allowed);
    } else if (allowed > 0) {
        r = ff_buffer_append(&w->out, data, (size_t)allowed);
        r = r < 0 ? r : ff_http_response_end_part(response);
    }
    if (r == 0 && !is_small)
        r = push(lane, c, more);
    bool is_cut = (size_t)allowed < n && response->framing == FF_FRAMING_LENGTH;
    return r < 0 ? r : is_cut ? -EMSGSIZE : 0;
}

int ff_duplex_want_room(struct ff_lane *lane, struct ff_conn *c)
{
    (void)lane;
    if (c->work->trouble)
        return c->work->trouble;
    if (ff_buffer_len(&c->work->out) <= FF_DUPLEX_HIGH)
        return 1;
    c->work->wants |= FF_NEWS_ROOM; /* the poller looks for it already */
    return 0;
}

static void give_output(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_buffer *out = &c->work->out;
    int r = 0;
    while (has_output(c) && r == 0)
        r = ff_conn_send(c, NULL);
    if (r < 0 && r != -EAGAIN)
        fail(lane, c, r);
    else if (has_output(c) && !keeps_up(lane, c, true))
        fail(lane, c, -ETIMEDOUT);
    else if (c->work->wants & FF_NEWS_ROOM && ff_buffer_len(out) <= FF_DUPLEX_LOW)
        tell(lane, c, FF_NEWS_ROOM);
}

/* ---- tunnels ---- */

int ff_duplex_tunnel(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    c->needs_continue = w->request.expect_continue; /* 100 goes before 101 (RFC 9110 7.8) */
    int r = ff_buffer_own(&w->in);
    r = r < 0 ? r : ff_conn_continue(c);
    if (r < 0)
        return r;
    ff_progress_forbid(ff_tenure_line(lane, c));
    ff_buffer_consume(&w->in, w->body_at + w->body_len);
    w->body_at = 0;
    w->body_len = ff_buffer_len(&w->in);
    w->is_tunnel = true;
    return 0;
}

void ff_duplex_close(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    ff_lane_count(lane, c);
    ff_buffer_clear(&w->in);
    w->body_at = w->body_len = 0;
    c->is_closing = true;
    if (w->trouble)
        ff_tenure_close(lane, c);
    else
        ff_tenure_settle(lane, c, FF_PHASE_RUN);
    ff_lane_poke(lane);
}

/* ---- from the lane ---- */

void ff_duplex_event(struct ff_lane *lane, struct ff_conn *c, uint32_t events)
{
    struct ff_work *w = c->work;
    bool is_heard = events & FF_POLL_IN && w->wants & FF_NEWS_INPUT;
    if (events & FF_POLL_OUT && has_output(c))
        give_output(lane, c);
    if (is_heard)
        take_input(lane, c);
    if (events & FF_POLL_HUP && w->wants & FF_NEWS_END)
        tell(lane, c, FF_NEWS_END);
    if (w->trouble) /* what nobody waits for must not wake us again */
        ff_tenure_unwatch(lane, c);
    else
        look_on(lane, c, is_heard ? FF_POLL_IN : 0);
}

void ff_duplex_expire(struct ff_lane *lane, struct ff_conn *c)
{
    if ((awaits_content(c) && !keeps_up(lane, c, false)) ||
        (has_output(c) && !keeps_up(lane, c, true)))
        fail(lane, c, -ETIMEDOUT);
    else
        look_out(lane, c);
}

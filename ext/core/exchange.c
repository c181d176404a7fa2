#include "exchange.h"

#include "clock.h"
#include "progress.h"
#include "tenure.h"

#include <errno.h>
#include <string.h>

enum { COPY_MAX = 16 * 1024, GATHER_MAX = 64 * 1024 };

/* The application is given its time anew. */
static void tell_progress(const struct ff_lane *lane)
{
    atomic_store_explicit(&lane->line->progress_us, ff_clock_us(), memory_order_relaxed);
}

/* Waits for the socket, in the middle of a request; that is the client's time. */
static int await(struct ff_lane *lane, struct ff_conn *c, bool is_write)
{
    int64_t ms = lane->config.wait_ms[is_write ? FF_WAIT_WRITE : FF_WAIT_BODY];
    struct ff_pace_rule rule = ff_tenure_pace(lane, is_write);
    struct ff_pace *pace = is_write ? &c->work->writing : &c->work->reading;
    ff_pace_wait(pace, &rule, ff_clock_us(), is_write ? ff_conn_taken(c) : c->received);
    atomic_store_explicit(&lane->line->progress_us, 0, memory_order_relaxed);
    int look_ms = (int)((ms + FF_PACE_LOOKS - 1) / FF_PACE_LOOKS);
    int r = ff_sock_await(c->fd, is_write, ms > 0 ? look_ms : -1);
    tell_progress(lane);
    bool goes_on =
        ff_pace_goes_on(pace, &rule, ff_clock_us(), is_write ? ff_conn_taken(c) : c->received);
    if (r == -ETIMEDOUT && goes_on)
        return 0; /* it reads, though not enough for the kernel to tell */
    return r == 0 && !goes_on ? -ETIMEDOUT : r;
}

/* What goes out before the answer, 100 Continue say, does not begin it. */
static int flush_before_answer(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    int r = ff_exchange_flush(lane, c);
    w->is_begun = w->is_begun && w->response.out;
    return r;
}

int ff_exchange_inform(struct ff_lane *lane, struct ff_conn *c, const struct ff_buffer *head)
{
    int r = ff_buffer_append(&c->work->out, ff_buffer_head(head), ff_buffer_len(head));
    return r < 0 ? r : flush_before_answer(lane, c);
}

/* Reads until there is content or its end. */
static int fill(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    if (ff_spool_len(&w->content) > 0)
        return ff_conn_refill(c);
    if (ff_conn_has_whole_body(c))
        return 0;
    ff_spool_close(&w->content);                  /* the rest is read as it comes */
    ff_progress_lend(ff_tenure_line(lane, c), 0); /* what was read before is overwritten */
    w->body_at = w->request.head_len; /* what was before it has been read by the application */
    w->in.end = w->in.start + w->body_at;
    int r = ff_conn_continue(c);
    if (r < 0)
        return r;
    while (w->body_len == 0 && !ff_conn_has_whole_body(c)) {
        r = flush_before_answer(lane, c);
        ssize_t n = r < 0 ? r : ff_conn_receive(c);
        if (n == -EAGAIN)
            n = (r = await(lane, c, false)) < 0 ? r : 1;
        else if (n == 0)
            n = -ECONNRESET;
        else if (n > 0 && (r = ff_conn_decode(c)) > FF_HTTP_DONE)
            n = r == 413 ? -EFBIG : -EPROTO;
        if (n < 0)
            return (int)n;
    }
    return 0;
}

ssize_t ff_exchange_read(struct ff_lane *lane, struct ff_conn *c, void *to, size_t n)
{
    struct ff_work *w = c->work;
    if (w->body_len == 0 && n > 0 && ff_spool_len(&w->content) > 0)
        return ff_spool_read(&w->content, to, n); /* not by way of our memory */
    if (w->body_len == 0) {
        int r = fill(lane, c);
        if (r < 0)
            return r;
    }
    if (n > w->body_len)
        n = w->body_len;
    if (n > 0)
        memcpy(to, ff_buffer_head(&w->in) + w->body_at, n);
    w->body_at += n;
    w->body_len -= n;
    w->is_read_on = lane->config.at_once > 0 && n > 0;
    return (ssize_t)n;
}

bool ff_exchange_keeps_alive(const struct ff_lane *lane, const struct ff_conn *c)
{
    const struct ff_page *page = lane->config.seat.page;
    uint32_t most = lane->config.limits.requests;
    if (most > 0 && ff_tenure_line(lane, c)->requests + 1 >= most)
        return false;
    bool is_whole = ff_conn_has_whole_body(c) || c->work->is_read_on; /* or will be */
    return c->work->request.keep_alive && is_whole && lane->mode != FF_LANE_ENDING &&
           !(lane->sharer && lane->mode == FF_LANE_LEAVING) &&
           !atomic_load_explicit(&page->is_ending, memory_order_relaxed);
}

void ff_exchange_forbid_replay(struct ff_lane *lane, struct ff_conn *c)
{
    ff_progress_forbid(ff_tenure_line(lane, c));
}

/* Lets a piece that the socket does not take wait for the client. False if we have to: it is too
 * much for memory, and no file may or can take it. */
static bool keep_piece(struct ff_lane *lane, struct ff_conn *c, const struct iovec *piece, int *r)
{
    struct ff_work *w = c->work;
    size_t n = piece->iov_len;
    bool has_file = ff_spool_len(&w->file) > 0; /* then the order of the octets is the file's */
    if ((n == 0 || !has_file) && ff_buffer_len(&w->out) + n <= FF_EXCHANGE_PENDING_MAX) {
        *r = n > 0 ? ff_buffer_append(&w->out, piece->iov_base, n) : 0;
        return true;
    }
    return w->may_spill && ff_conn_spill(c, &lane->config.limits, piece->iov_base, n) == 0;
}

static bool keep(struct ff_lane *lane, struct ff_conn *c, struct ff_conn_more *more, int *r)
{
    for (int i = 0; i < 2 && *r == 0; i++) {
        if (!keep_piece(lane, c, &more->piece[i], r))
            return false;
        more->piece[i].iov_len = 0;
    }
    return true;
}

/* Sends the output and `more` behind it. Returns when what is left can wait. */
static int push(struct ff_lane *lane, struct ff_conn *c, struct ff_conn_more more)
{
    int r = 0;
    ff_progress_send(ff_tenure_line(lane, c));
    while (ff_conn_has_output(c) || ff_conn_is_more(&more)) {
        r = ff_conn_send(c, &more);
        if (r == 0)
            continue;
        if (r != -EAGAIN)
            return r;
        r = 0;
        if (keep(lane, c, &more, &r))
            return r;
        r = await(lane, c, true);
        if (r < 0 && r != -EINTR)
            return r;
    }
    return 0;
}

void ff_exchange_let_spill(struct ff_conn *c)
{
    c->work->may_spill = true;
}

int ff_exchange_flush(struct ff_lane *lane, struct ff_conn *c)
{
    tell_progress(lane);
    return push(lane, c, (struct ff_conn_more){0});
}

int ff_exchange_write(struct ff_lane *lane, struct ff_conn *c, const void *data, size_t n)
{
    struct ff_http_response *response = &c->work->response;
    int64_t allowed = n > 0 ? ff_http_response_begin_part(response, n) : 0;
    if (allowed <= 0)
        return allowed < 0                                       ? (int)allowed
               : n > 0 && response->framing == FF_FRAMING_LENGTH ? -EMSGSIZE
                                                                 : 0;
    int r;
    if (allowed <= COPY_MAX) {
        r = ff_buffer_append(&c->work->out, data, (size_t)allowed);
        r = r < 0 ? r : ff_http_response_end_part(response);
    } else {
        r = push(lane, c, ff_conn_part(c, data, (size_t)allowed));
    }
    if (r == 0 && ff_buffer_len(&c->work->out) > GATHER_MAX)
        r = ff_exchange_flush(lane, c);
    return r < 0 ? r : (size_t)allowed < n ? -EMSGSIZE : 0;
}

int ff_exchange_send_file(struct ff_lane *lane, struct ff_conn *c, int file, int64_t offset,
                          size_t n)
{
    struct ff_work *w = c->work;
    struct ff_http_response *response = &w->response;
    int64_t allowed = n > 0 ? ff_http_response_begin_part(response, n) : 0;
    int r = allowed < 0 ? (int)allowed : 0;
    if (allowed > 0) {
        ff_spool_lend(&w->file, file, (uint64_t)offset, (uint64_t)allowed);
        w->file_after = ff_buffer_len(&w->out);
        r = ff_http_response_end_part(response);
    }
    ff_progress_send(ff_tenure_line(lane, c));
    while (r == 0 && ff_spool_len(&w->file) > 0) {
        r = ff_conn_send(c, NULL);
        if (r != -EAGAIN)
            continue;
        r = 0;
        if (ff_spool_keep(&w->file) == 0)
            break; /* the flusher goes on with it */
        r = await(lane, c, true);
        r = r == -EINTR ? 0 : r;
    }
    if (r < 0)
        ff_spool_close(&w->file); /* whoever lent it closes it before the connection ends */
    bool is_cut = (size_t)allowed < n && response->framing == FF_FRAMING_LENGTH;
    return r < 0 ? r : is_cut ? -EMSGSIZE : 0;
}

int ff_exchange_finish(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    int r = ff_http_response_finish(&w->response);
    bool is_whole = ff_conn_has_whole_body(c);
    ff_lane_count(lane, c);
    c->is_closing = r < 0 || !w->response.keep_alive || !is_whole;
    if (is_whole)
        ff_conn_next(c);
    if (c->is_closing || ff_buffer_len(&w->in) == 0 || ff_buffer_len(&w->out) > GATHER_MAX ||
        ff_spool_len(&w->file) > 0)
        ff_tenure_settle(lane, c, FF_PHASE_RUN);
    else if (ff_tenure_advance(lane, c)) /* pipelined: its answer goes out with this one */
        ff_lane_list(lane, c);
    ff_lane_poke(lane);
    return r == -EMSGSIZE ? r : 0;
}

void ff_exchange_abort(struct ff_lane *lane, struct ff_conn *c, int status)
{
    struct ff_work *w = c->work;
    ff_lane_count(lane, c);
    if (!w->is_begun) {
        ff_spool_close(&w->file);
        if (w->response.out)
            w->out.end = w->out.start + w->response.mark;
        ff_tenure_refuse(lane, c, status);
    } else if (w->response.framing == FF_FRAMING_LENGTH && w->response.left == 0) {
        c->is_closing = true; /* the client gets what its length said, and not an octet more */
        ff_tenure_settle(lane, c, FF_PHASE_RUN);
    } else if (w->response.framing == FF_FRAMING_CLOSE) {
        ff_tenure_reset(lane, c);
    } else {
        ff_tenure_close(lane, c);
    }
    ff_lane_poke(lane);
}

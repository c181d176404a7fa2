#include "conn.h"

#include "crash.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = 16384, ROOM_MIN = 1024 };

bool ff_conn_leaves_block(const struct ff_conn *c)
{
    const struct ff_buffer *in = &c->work->in;
    return !in->is_lent || ff_buffer_room(in) < ROOM_MIN;
}

ssize_t ff_conn_receive(struct ff_conn *c)
{
    struct ff_buffer *in = &c->work->in;
    /* what is in the lane's block can be read after our death: leave it there as long as it fits */
    int r = ff_conn_leaves_block(c) ? ff_buffer_reserve(in, READ_SIZE) : 0;
    if (r < 0)
        return r;
    size_t room = ff_buffer_room(in);
    ssize_t n = recv(c->fd, ff_buffer_tail(in), room, 0);
    ff_crash_point();
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    in->end += (size_t)n;
    c->received += (size_t)n;
    c->is_drained = (size_t)n < room;
    c->is_ended = n == 0;
    return n;
}

/* Raw octets that stand behind the content which was decoded so far. */
static size_t raw_octets(const struct ff_work *w)
{
    return ff_buffer_len(&w->in) - w->body_at - w->body_len;
}

int ff_conn_decode(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    char *raw = ff_buffer_head(&w->in) + w->body_at + w->body_len;
    size_t n = raw_octets(w), rest = 0;
    int verdict = ff_http_body_decode(&w->framing, raw, &n, &rest);
    w->body_len += n;
    w->in.end = w->in.start + w->body_at + w->body_len + rest;
    return verdict;
}

bool ff_conn_has_whole_body(const struct ff_conn *c)
{
    return ff_http_body_is_complete(&c->work->framing);
}

/* The head is whole. Does its body fit into memory, or must the application run while it comes? */
static int advance_body(struct ff_conn *c, const struct ff_conn_limits *limits)
{
    struct ff_work *w = c->work;
    if (raw_octets(w) > 0 || ff_conn_has_whole_body(c)) {
        int verdict = ff_conn_decode(c);
        if (verdict != FF_HTTP_MORE) {
            c->phase = FF_PHASE_RUN;
            return verdict;
        }
    }
    bool is_too_large = w->request.chunked ? w->body_len >= limits->chunked_buffer
                                           : w->request.length > limits->body_buffer;
    c->phase = is_too_large ? FF_PHASE_RUN : FF_PHASE_BODY;
    return is_too_large ? FF_HTTP_DONE : FF_HTTP_MORE;
}

int ff_conn_advance(struct ff_conn *c, const struct ff_conn_limits *limits)
{
    struct ff_work *w = c->work;
    if (c->phase == FF_PHASE_BODY)
        return advance_body(c, limits);
    const char *head = ff_buffer_head(&w->in);
    size_t len = ff_buffer_len(&w->in);
    if (len == 0) {
        c->phase = FF_PHASE_QUIET;
        return FF_HTTP_MORE;
    }
    /* body_at is free until the head is whole: it holds how far the head was looked through */
    if (c->phase == FF_PHASE_HEAD && !ff_http_request_ready(head, len, &limits->http, &w->body_at))
        return FF_HTTP_MORE;
    int verdict = ff_http_request_parse(head, len, &limits->http, &w->request);
    if (verdict != FF_HTTP_DONE) {
        c->phase = FF_PHASE_HEAD;
        return verdict;
    }
    c->phase = FF_PHASE_BODY;
    if (w->request.is_connect)
        return 501; /* we are no proxy (RFC 9110 9.3.6) */
    w->body_at = w->request.head_len;
    w->body_len = 0;
    verdict = ff_http_body_start(&w->framing, &w->request, &limits->body);
    if (verdict != FF_HTTP_DONE)
        return verdict;
    if (ff_http_body_is_complete(&w->framing)) {
        c->phase = FF_PHASE_RUN;
        c->needs_continue = false;
        return FF_HTTP_DONE;
    }
    if (w->request.chunked && ff_buffer_own(&w->in) < 0)
        return 503; /* chunks are decoded in place: the block keeps them as they came */
    c->needs_continue = w->request.expect_continue && raw_octets(w) == 0;
    return advance_body(c, limits);
}

void ff_conn_next(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    ff_buffer_consume(&w->in, w->body_at + w->body_len);
    w->body_at = w->body_len = 0;
    c->phase = FF_PHASE_QUIET;
    c->needs_continue = false;
}

int ff_conn_continue(struct ff_conn *c)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!c->needs_continue)
        return 0;
    c->needs_continue = false;
    return ff_buffer_append(&c->work->out, interim, sizeof(interim) - 1);
}

ssize_t ff_conn_send(struct ff_conn *c, const void *more, size_t n)
{
    struct ff_buffer *out = &c->work->out;
    size_t queued = ff_buffer_len(out);
    struct iovec parts[2] = {{ff_buffer_head(out), queued}, {(void *)more, n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n > 0 ? 2 : 1};
    /* before a close the octets wait for the FIN: one packet instead of two */
    int flags = MSG_NOSIGNAL | (c->is_closing ? MSG_MORE : 0);
    ssize_t sent =
        n > 0 ? sendmsg(c->fd, &message, flags) : send(c->fd, parts[0].iov_base, queued, flags);
    ff_crash_point();
    if (sent < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    c->work->is_begun = true;
    c->sent += (size_t)sent;
    size_t of_out = (size_t)sent < queued ? (size_t)sent : queued;
    ff_buffer_consume(out, of_out);
    return sent - (ssize_t)of_out;
}

uint64_t ff_conn_taken(const struct ff_conn *c)
{
    int waiting = 0;
    if (ioctl(c->fd, SIOCOUTQ, &waiting) < 0)
        return c->sent;
    return c->sent - (uint64_t)waiting;
}

bool ff_conn_shut(struct ff_conn *c)
{
    bool is_all_read =
        c->is_ended || (c->is_drained && (!c->work || ff_buffer_len(&c->work->in) == 0));
    shutdown(c->fd, is_all_read ? SHUT_RDWR : SHUT_WR);
    return !is_all_read;
}

void ff_conn_reset(struct ff_conn *c)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    /* dissolves the association, RST included; TCP only */
    if (connect(c->fd, &nobody, sizeof(nobody)) < 0)
        shutdown(c->fd, SHUT_RDWR);
    close(c->fd);
    c->fd = -1;
}

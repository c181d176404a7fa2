#include "conn.h"

#include "crash.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = 16384, ROOM_MIN = 1024 };
enum { SPOOL_MIN = 16384, REFILL_MAX = 65536, FILE_MAX = 1 << 20 };

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

/* Moves the content that is in memory to the file. FF_HTTP_DONE, or the status to refuse with. */
static int spool(struct ff_conn *c, const struct ff_conn_limits *limits, int *trouble)
{
    struct ff_work *w = c->work;
    size_t rest = raw_octets(w);
    /* what the lane's block holds stays there, whole, as long as it is said to hold it */
    int r = ff_buffer_own(&w->in);
    char *body = ff_buffer_head(&w->in) + w->body_at;
    if (r == 0)
        r = ff_spool_append(&w->content, limits->spool_dir, body, w->body_len);
    if (r < 0) {
        *trouble = r;
        return r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? 507 : 503;
    }
    memmove(body, body + w->body_len, rest);
    w->in.end -= w->body_len;
    w->body_len = 0;
    return FF_HTTP_DONE;
}

/* Where does the rest of a body go, of which not all is there? */
static enum {
    TO_MEMORY,
    TO_FILE,
    TO_APPLICATION
} way_of(const struct ff_work *w, const struct ff_conn_limits *limits)
{
    if (w->request.chunked) /* its length is not known: this is what has come of it */
        return w->framing.decoded < limits->chunked_buffer ? TO_MEMORY
               : w->framing.decoded < limits->spool        ? TO_FILE
                                                           : TO_APPLICATION;
    return w->request.length <= limits->body_buffer ? TO_MEMORY
           : w->request.length <= limits->spool     ? TO_FILE
                                                    : TO_APPLICATION;
}

size_t ff_conn_lacks(const struct ff_conn *c, const struct ff_conn_limits *limits)
{
    const struct ff_work *w = c->work;
    if (way_of(w, limits) != TO_MEMORY)
        return 0;
    return READ_SIZE + (w->request.chunked ? 0 : (size_t)w->framing.left);
}

/* The head is whole: goes on with its body, until the application can run. */
static int advance_body(struct ff_conn *c, const struct ff_conn_limits *limits, int *trouble)
{
    struct ff_work *w = c->work;
    int verdict = FF_HTTP_MORE, way = TO_MEMORY;
    if (raw_octets(w) > 0 || ff_conn_has_whole_body(c))
        verdict = ff_conn_decode(c);
    if (verdict == FF_HTTP_MORE)
        way = way_of(w, limits);
    /* in order: when there is a file, all that the application finds at first is there */
    bool is_due = w->content.is_open ? verdict == FF_HTTP_DONE || way == TO_APPLICATION : false;
    if (is_due || (way == TO_FILE && w->body_len >= SPOOL_MIN)) {
        int status = spool(c, limits, trouble);
        if (status != FF_HTTP_DONE)
            return status;
    }
    if (way == TO_APPLICATION)
        verdict = FF_HTTP_DONE;
    c->phase = verdict == FF_HTTP_MORE ? FF_PHASE_BODY : FF_PHASE_RUN;
    return verdict;
}

int ff_conn_refill(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    size_t rest = raw_octets(w), head = w->request.head_len;
    memmove(ff_buffer_head(&w->in) + head, ff_buffer_head(&w->in) + w->body_at, rest);
    w->body_at = head;
    w->in.end = w->in.start + head + rest;
    int r = ff_buffer_reserve(&w->in, REFILL_MAX);
    if (r < 0)
        return r;
    char *body = ff_buffer_head(&w->in) + head;
    memmove(body + REFILL_MAX, body, rest); /* it takes the end of the room */
    ssize_t n = ff_spool_read(&w->content, body, REFILL_MAX);
    memmove(body + (n > 0 ? n : 0), body + REFILL_MAX, rest);
    w->body_len = n > 0 ? (size_t)n : 0;
    w->in.end += w->body_len;
    return n < 0 ? (int)n : 0;
}

int ff_conn_advance(struct ff_conn *c, const struct ff_conn_limits *limits, int *trouble)
{
    struct ff_work *w = c->work;
    if (c->phase == FF_PHASE_BODY)
        return advance_body(c, limits, trouble);
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
    return advance_body(c, limits, trouble);
}

bool ff_conn_is_safe(const struct ff_conn *c, bool or_idempotent)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    const struct ff_http_slice *method = &c->work->request.method;
    const char *text = ff_buffer_head(&c->work->in) + method->at;
    for (int i = 0; i < (or_idempotent ? 6 : 4); i++)
        if (strlen(methods[i]) == method->len && memcmp(methods[i], text, method->len) == 0)
            return true;
    return false;
}

void ff_conn_next(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    ff_buffer_consume(&w->in, w->body_at + w->body_len);
    w->body_at = w->body_len = 0;
    ff_spool_close(&w->content);
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

/* Sends a part of the output, where some of it lies in a file. 0, or as ff_conn_send. */
static int send_with_file(struct ff_conn *c)
{
    struct ff_work *w = c->work;
    size_t first = w->file_after;
    ssize_t sent;
    if (first == 0)
        sent = ff_spool_send(&w->file, c->fd, FILE_MAX);
    else if ((sent = send(c->fd, ff_buffer_head(&w->out), first, MSG_NOSIGNAL | MSG_MORE)) < 0)
        sent = errno == EINTR ? -EAGAIN : -errno;
    ff_crash_point();
    if (sent < 0)
        return (int)sent;
    w->is_begun = true;
    c->sent += (size_t)sent;
    if (first > 0) {
        ff_buffer_consume(&w->out, (size_t)sent);
        w->file_after -= (size_t)sent;
    } else if (ff_spool_len(&w->file) == 0) {
        ff_spool_close(&w->file);
    }
    return 0;
}

int ff_conn_spill(struct ff_conn *c, const struct ff_conn_limits *limits, const void *more,
                  size_t n)
{
    struct ff_work *w = c->work;
    struct ff_spool *file = &w->file;
    uint64_t end = file->end;
    size_t before = ff_spool_len(file) > 0 ? w->file_after : 0;
    size_t behind = ff_buffer_len(&w->out) - before;
    if (file->is_open && !file->is_temporary)
        return -EBUSY;
    if (end + behind + n > limits->spool)
        return -EFBIG;
    int r = ff_spool_append(file, limits->spool_dir, ff_buffer_head(&w->out) + before, behind);
    if (r == 0)
        r = ff_spool_append(file, limits->spool_dir, more, n);
    if (r < 0) {
        file->end = end; /* what was appended of it is written over */
        return r;
    }
    w->out.end -= behind;
    w->file_after = before;
    return 0;
}

/* Takes `n` octets that went out from the front of `more`. */
static void take(struct ff_conn_more *more, size_t n)
{
    for (int i = 0; i < 2 && n > 0; i++) {
        struct iovec *piece = &more->piece[i];
        size_t of_it = n < piece->iov_len ? n : piece->iov_len;
        piece->iov_base = (char *)piece->iov_base + of_it;
        piece->iov_len -= of_it;
        n -= of_it;
    }
}

int ff_conn_send(struct ff_conn *c, struct ff_conn_more *more)
{
    struct ff_buffer *out = &c->work->out;
    if (ff_spool_len(&c->work->file) > 0)
        return send_with_file(c);
    size_t queued = ff_buffer_len(out);
    /* before a close the octets wait for the FIN: one packet instead of two */
    int flags = MSG_NOSIGNAL | (c->is_closing ? MSG_MORE : 0);
    ssize_t sent;
    if (more && ff_conn_is_more(more)) {
        struct iovec parts[] = {{ff_buffer_head(out), queued}, more->piece[0], more->piece[1]};
        sent = sendmsg(c->fd, &(struct msghdr){.msg_iov = parts, .msg_iovlen = 3}, flags);
    } else {
        sent = send(c->fd, ff_buffer_head(out), queued, flags);
    }
    ff_crash_point();
    if (sent < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    c->work->is_begun = true;
    c->sent += (size_t)sent;
    size_t of_out = (size_t)sent < queued ? (size_t)sent : queued;
    ff_buffer_consume(out, of_out);
    if (more)
        take(more, (size_t)sent - of_out);
    return 0;
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

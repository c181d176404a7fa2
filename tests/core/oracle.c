/* oracle: reads one request as a connection does, for tests in Python (tests/probe/codec.py loads
 * it).
 *
 * Every octet that the parsers get ends at a page that can't be read. */
#include "http_body.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROOM = 1 << 20, PAGE = 4096 };

int oracle_read(const uint8_t *raw, size_t n, const uint32_t *cuts, size_t cut_count, uint8_t *out,
                size_t *out_len);

static uint8_t *edge_of_memory(void)
{
    uint8_t *p =
        mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + ROOM, PAGE, PROT_NONE) < 0)
        abort();
    return p + ROOM;
}

struct writer {
    uint8_t *to;
};

static void put(struct writer *w, const void *octets, size_t n)
{
    uint32_t len = (uint32_t)n;
    memcpy(w->to, &len, sizeof(len));
    if (n > 0)
        memcpy(w->to + sizeof(len), octets, n);
    w->to += sizeof(len) + n;
}

static void put_slice(struct writer *w, const char *head, struct ff_http_slice slice)
{
    put(w, head + slice.at, slice.len);
}

static void put_request(struct writer *w, const char *head, const struct ff_http_request *req)
{
    uint8_t facts[] = {req->minor, req->keep_alive, req->chunked, req->has_length};
    put(w, facts, sizeof(facts));
    put_slice(w, head, req->method);
    put_slice(w, head, req->target);
    put_slice(w, head, req->path);
    put_slice(w, head, req->query);
    put_slice(w, head, req->host);
    for (unsigned i = 0; i < req->fields; i++) {
        put_slice(w, head, req->field[i].name);
        put_slice(w, head, req->field[i].value);
    }
}

/* What comes of `n` octets at `raw` that arrive in pieces, cut at each of `cuts` (ascending).
 * FF_HTTP_DONE: then `out` (4 n + 4 KiB octets) has facts, method, target, path, query, host, names
 * and values, content, and what is left for the next request, each behind its length; `out_len`
 * octets in all. */
int oracle_read(const uint8_t *raw, size_t n, const uint32_t *cuts, size_t cut_count, uint8_t *out,
                size_t *out_len)
{
    static const struct ff_http_limits limits = {16384, 8190, 8190, 100, false};
    static const struct ff_http_body_limits body_limits = {.overhead = 16384};
    static uint8_t *edge, content[ROOM];
    static struct ff_http_request req;
    struct ff_http_body body;
    struct writer w = {out};
    size_t have = 0, seen = 0, at = 0, content_len = 0, rest = 0;
    int verdict = FF_HTTP_MORE;
    if (!edge)
        edge = edge_of_memory();
    if (n > ROOM)
        abort();
    for (size_t i = 0; i <= cut_count && verdict == FF_HTTP_MORE; i++) {
        have = i < cut_count ? cuts[i] : n;
        char *head = (char *)edge - have;
        memcpy(head, raw, have);
        if (i > 0 && !ff_http_request_ready(head, have, &limits, &seen))
            continue;
        verdict = ff_http_request_parse(head, have, &limits, &req);
    }
    if (verdict == FF_HTTP_DONE) {
        put_request(&w, (const char *)raw, &req);
        verdict = ff_http_body_start(&body, &req, &body_limits);
        at = req.head_len;
        if (verdict == FF_HTTP_DONE && !ff_http_body_is_complete(&body))
            verdict = FF_HTTP_MORE;
    }
    if (at == 0)
        return verdict;
    for (size_t i = 0; i <= cut_count && verdict == FF_HTTP_MORE; i++) {
        size_t end = i < cut_count ? cuts[i] : n, len;
        if (end <= at)
            continue;
        len = end - at;
        char *piece = (char *)edge - len;
        memcpy(piece, raw + at, len);
        at = end;
        verdict = ff_http_body_decode(&body, piece, &len, &rest);
        memcpy(content + content_len, piece, len);
        content_len += len;
    }
    put(&w, content, content_len);
    put(&w, raw + at - rest, n - at + rest);
    *out_len = (size_t)(w.to - out);
    return verdict;
}

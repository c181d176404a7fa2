/* Any octets: no crash; the SSE2 and the scalar parser agree; no way of cutting the octets changes
 * the verdict. Each try is an exact allocation, so that reading behind it is found. */
#include "http_request.h"

#include <stdlib.h>
#include <string.h>

int scalar_ff_http_request_parse(const char *buf, size_t len, const struct ff_http_limits *limits,
                                 struct ff_http_request *out);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(fact)                                                                                 \
    do {                                                                                           \
        if (!(fact))                                                                               \
            abort();                                                                               \
    } while (0)

static const char opening[] = "GET / HTTP/1.1\r\nHost: a\r\n";

static bool is_same_slice(struct ff_http_slice a, struct ff_http_slice b)
{
    return a.at == b.at && a.len == b.len;
}

static void must_be_same(const struct ff_http_request *a, const struct ff_http_request *b)
{
    MUST(a->head_len == b->head_len && a->fields == b->fields && a->length == b->length);
    MUST(is_same_slice(a->method, b->method) && is_same_slice(a->target, b->target));
    MUST(is_same_slice(a->path, b->path) && is_same_slice(a->query, b->query));
    MUST(is_same_slice(a->host, b->host) && a->minor == b->minor);
    MUST(a->path_encoded == b->path_encoded && a->is_head == b->is_head);
    MUST(a->is_connect == b->is_connect && a->keep_alive == b->keep_alive);
    MUST(a->expect_continue == b->expect_continue && a->has_length == b->has_length);
    MUST(a->chunked == b->chunked && !(a->chunked && a->has_length));
    for (unsigned i = 0; i < a->fields; i++) {
        const struct ff_http_field *x = &a->field[i], *y = &b->field[i];
        MUST(is_same_slice(x->name, y->name) && is_same_slice(x->value, y->value));
        MUST(x->known == y->known && x->ascii == y->ascii && x->underscore == y->underscore);
    }
}

static void must_lie_inside(const struct ff_http_request *req, size_t len)
{
    MUST(req->head_len <= len);
    MUST(req->target.at + req->target.len < req->head_len);
    MUST(req->path.at + req->path.len < req->head_len);
    MUST(req->query.at + req->query.len < req->head_len);
    MUST(req->host.at + req->host.len < req->head_len);
    for (unsigned i = 0; i < req->fields; i++)
        MUST(req->field[i].value.at + req->field[i].value.len < req->head_len);
}

static int parse(const char *head, size_t len, const struct ff_http_limits *limits,
                 struct ff_http_request *out)
{
    static struct ff_http_request twin;
    char *exact = malloc(len > 0 ? len : 1);
    MUST(exact);
    memcpy(exact, head, len);
    int verdict = ff_http_request_parse(exact, len, limits, out);
    MUST(verdict == scalar_ff_http_request_parse(exact, len, limits, &twin));
    if (verdict == FF_HTTP_DONE) {
        must_be_same(out, &twin);
        must_lie_inside(out, len);
    }
    free(exact);
    return verdict;
}

static void must_not_depend_on_cuts(const char *head, size_t len, size_t step,
                                    const struct ff_http_limits *limits)
{
    static struct ff_http_request whole, cut;
    int verdict = parse(head, len, limits, &whole), grown = FF_HTTP_MORE;
    size_t seen = 0;
    for (size_t n = 0; n <= len; n = n < len && n + step > len ? len : n + step) {
        int early = parse(head, n, limits, &cut);
        MUST(early == FF_HTTP_MORE || early == verdict);
        if (early == FF_HTTP_DONE)
            must_be_same(&cut, &whole);
        if (n > 0 && grown == FF_HTTP_MORE && ff_http_request_ready(head, n, limits, &seen))
            grown = early;
    }
    MUST(grown == verdict || (grown == FF_HTTP_MORE && verdict != FF_HTTP_DONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[sizeof(opening) + 4096];
    size_t len = 0;
    if (size < 6 || size > 4096)
        return 0;
    if (data[0] & 1) { /* so that the fields are reached at once */
        len = sizeof(opening) - 1;
        memcpy(head, opening, len);
    }
    memcpy(head + len, data + 6, size - 6);
    struct ff_http_limits limits = {.head = 16u + 16u * data[1],
                                    .line = 4u + data[2],
                                    .field = 4u + data[3],
                                    .fields = data[4],
                                    .refuse_underscores = size % 2 == 1};
    must_not_depend_on_cuts(head, len + size - 6, 1u + data[5] % 64u, &limits);
    return 0;
}

/* Any octets: no crash; what a body decodes to doesn't depend on how its octets are cut. Each piece
 * is an exact allocation, so that reading or writing behind it is found. */
#include "http_body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_TRIED = 32768 };

#define MUST(fact)                                                                                 \
    do {                                                                                           \
        if (!(fact))                                                                               \
            abort();                                                                               \
    } while (0)

struct result {
    int verdict;
    size_t n, rest;
    char content[SIZE_MAX_TRIED];
};

static void decode(const struct ff_http_request *req, const struct ff_http_body_limits *limits,
                   const uint8_t *raw, size_t size, size_t step, struct result *out)
{
    struct ff_http_body body;
    out->verdict = ff_http_body_start(&body, req, limits);
    if (out->verdict == FF_HTTP_DONE && !ff_http_body_is_complete(&body))
        out->verdict = FF_HTTP_MORE;
    out->n = 0, out->rest = size;
    for (size_t at = 0; at < size && out->verdict == FF_HTTP_MORE;) {
        size_t len = size - at < step ? size - at : step, content = len, rest;
        char *piece = malloc(len);
        MUST(piece);
        memcpy(piece, raw + at, len);
        at += len;
        out->verdict = ff_http_body_decode(&body, piece, &content, &rest);
        MUST(content + rest <= len && (rest == 0 || out->verdict == FF_HTTP_DONE));
        MUST(rest == 0 || memcmp(piece + content, raw + at - rest, rest) == 0);
        memcpy(out->content + out->n, piece, content);
        out->n += content;
        out->rest = size - at + rest;
        free(piece);
    }
    MUST(out->n == body.decoded);
    MUST((out->verdict == FF_HTTP_DONE) == ff_http_body_is_complete(&body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct result whole, cut;
    if (size < 3 || size > SIZE_MAX_TRIED)
        return 0;
    struct ff_http_request req = {.chunked = data[0] != 0};
    struct ff_http_body_limits limits = {.content = data[2] & 64u ? 500 : 0, .overhead = 16384};
    if (!req.chunked)
        req.has_length = true, req.length = data[1] * 4u;
    decode(&req, &limits, data + 3, size - 3, size, &whole);
    decode(&req, &limits, data + 3, size - 3, 1u + data[2] % 64u, &cut);
    MUST(whole.verdict == cut.verdict && whole.n == cut.n);
    MUST(memcmp(whole.content, cut.content, whole.n) == 0);
    if (whole.verdict <= FF_HTTP_DONE) /* a refusal may leave any number of octets unread */
        MUST(whole.rest == cut.rest);
    if (!req.chunked)
        MUST(memcmp(whole.content, data + 3, whole.n) == 0);
    return 0;
}

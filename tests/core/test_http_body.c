#include "check.h"
#include "http_body.h"

#include <stdint.h>
#include <string.h>

enum { RAW_MAX = 70000 };

/* What a body gave: its verdict, all content, and the octets left for the next request. */
struct result {
    int verdict;
    size_t n, rest;
    char content[RAW_MAX], leftover[RAW_MAX];
};

static struct result whole, split;

static struct ff_http_body_limits limits = {.overhead = 16384};

/* Decodes `raw` in pieces of `piece` octets, each at a guard page's edge. */
static void decode(struct ff_http_request req, const char *raw, size_t n, size_t piece,
                   struct result *out)
{
    static char *end;
    static char zeros[RAW_MAX];
    struct ff_http_body body;
    if (!end)
        end = check_guarded(zeros, RAW_MAX) + RAW_MAX;
    out->n = out->rest = 0;
    ff_http_body_start(&body, &req, &limits);
    out->verdict = ff_http_body_is_complete(&body) ? FF_HTTP_DONE : FF_HTTP_MORE;
    for (size_t at = 0; at < n && out->verdict == FF_HTTP_MORE;) {
        size_t len = n - at < piece ? n - at : piece, content = len, rest;
        char *buf = end - len;
        memcpy(buf, raw + at, len);
        at += len;
        out->verdict = ff_http_body_decode(&body, buf, &content, &rest);
        memcpy(out->content + out->n, buf, content);
        out->n += content;
        memcpy(out->leftover, buf + content, rest);
        if (out->verdict == FF_HTTP_DONE) {
            memcpy(out->leftover + rest, raw + at, n - at);
            out->rest = rest + n - at;
        }
    }
}

/* Any cut must give what the whole gives. */
static bool gives(struct ff_http_request req, const char *raw, size_t n, int verdict,
                  const char *content, const char *leftover)
{
    decode(req, raw, n, n, &whole);
    bool fine = whole.verdict == verdict &&
                (verdict > FF_HTTP_DONE ||
                 (whole.n == strlen(content) && memcmp(whole.content, content, whole.n) == 0)) &&
                whole.rest == strlen(leftover) && memcmp(whole.leftover, leftover, whole.rest) == 0;
    for (size_t piece = 1; piece < n && fine; piece += 1 + piece / 16) {
        decode(req, raw, n, piece, &split);
        fine = split.verdict == verdict && split.n == whole.n && split.rest == whole.rest &&
               memcmp(split.content, whole.content, whole.n) == 0 &&
               memcmp(split.leftover, whole.leftover, whole.rest) == 0;
    }
    if (!fine)
        fprintf(stderr, "%d whole, %d split, not %d: %.*s\n", whole.verdict, split.verdict, verdict,
                (int)n, raw);
    return fine;
}

static const struct ff_http_request chunked = {.chunked = true};

#define CHUNKED(verdict, raw, content, leftover)                                                   \
    CHECK(gives(chunked, raw, sizeof(raw) - 1, verdict, content, leftover))
#define REFUSED(raw) CHUNKED(400, raw, "", "")

TEST(a_request_without_a_body_is_complete_at_once)
{
    struct ff_http_body body;
    size_t n = 3, rest;
    char next[] = "GET";
    ff_http_body_start(&body, &(struct ff_http_request){.has_length = true}, &limits);
    CHECK(ff_http_body_is_complete(&body));
    CHECK(ff_http_body_decode(&body, next, &n, &rest) == FF_HTTP_DONE);
    CHECK(n == 0 && rest == 3 && memcmp(next, "GET", 3) == 0);
}

TEST(a_body_with_a_length_ends_there)
{
    struct ff_http_request five = {.has_length = true, .length = 5};
    CHECK(gives(five, "hello", 5, FF_HTTP_DONE, "hello", ""));
    CHECK(gives(five, "helloGET /", 10, FF_HTTP_DONE, "hello", "GET /"));
    CHECK(gives(five, "hell", 4, FF_HTTP_MORE, "hell", ""));
}

TEST(no_octets_are_no_progress_and_no_mistake)
{
    struct ff_http_body body;
    size_t n = 0, rest = 7;
    ff_http_body_start(&body, &chunked, &limits);
    CHECK(ff_http_body_decode(&body, NULL, &n, &rest) == FF_HTTP_MORE && n == 0 && rest == 0);
    ff_http_body_start(&body, &(struct ff_http_request){.has_length = true, .length = 1}, &limits);
    CHECK(ff_http_body_decode(&body, NULL, &n, &rest) == FF_HTTP_MORE && n == 0 && rest == 0);
    ff_http_body_start(&body, &(struct ff_http_request){0}, &limits);
    CHECK(ff_http_body_decode(&body, NULL, &n, &rest) == FF_HTTP_DONE && n == 0 && rest == 0);
}

TEST(chunks_are_joined_and_what_follows_is_left)
{
    CHUNKED(FF_HTTP_DONE, "0\r\n\r\n", "", "");
    CHUNKED(FF_HTTP_DONE, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", "");
    CHUNKED(FF_HTTP_DONE, "a\r\n0123456789\r\nA\r\nabcdefghij\r\n000\r\n\r\nGET / H",
            "0123456789abcdefghij", "GET / H");
    CHUNKED(FF_HTTP_DONE, "0000000000000003\r\n\r\n!\r\n0000000000000000\r\n\r\n\r\n", "\r\n!",
            "\r\n");
}

TEST(a_body_that_stops_early_is_never_complete)
{
    static const char raw[] = "5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for (size_t n = 1; n < sizeof(raw) - 1; n++) {
        decode(chunked, raw, n, n, &whole);
        CHECK(whole.verdict == FF_HTTP_MORE && whole.rest == 0);
    }
    CHUNKED(FF_HTTP_DONE, "5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello", "");
}

TEST(chunk_sizes_are_hexadecimal_digits_only)
{
    REFUSED("\r\n");
    REFUSED("g\r\n");
    REFUSED("+5\r\nhello\r\n");
    REFUSED("-5\r\nhello\r\n");
    REFUSED("0x5\r\nhello\r\n");
    REFUSED(" 5\r\nhello\r\n");
    REFUSED("5 \r\nhello\r\n");
    REFUSED("5\t\r\nhello\r\n");
    REFUSED("5_0\r\nhello\r\n");
    REFUSED("5.\r\nhello\r\n");
    REFUSED("5,5\r\nhello\r\n");
    REFUSED("5\0\r\nhello\r\n");
    REFUSED("\x0b"
            "5\r\nhello\r\n");
    REFUSED(";a\r\n");
    REFUSED("\xef\xbc\x95\r\nhello\r\n");
}

TEST(chunk_sizes_have_at_most_16_digits)
{
    CHUNKED(FF_HTTP_MORE, "ffffffffffffffff\r\nabc", "abc", "");
    REFUSED("00000000000000000\r\n");
    REFUSED("10000000000000005\r\nhello\r\n");
}

TEST(chunk_lines_and_chunks_end_with_cr_lf_only)
{
    REFUSED("5\nhello\r\n0\r\n\r\n");
    REFUSED("5\rhello\r\n0\r\n\r\n");
    REFUSED("5\r\r\nhello\r\n");
    REFUSED("5\r\nhello\n0\r\n\r\n");
    REFUSED("5\r\nhello\r0\r\n\r\n");
    REFUSED("5\r\nhello0\r\n\r\n");
    REFUSED("5\r\nhello\rX0\r\n\r\n");
    REFUSED("5\r\nhelloXX0\r\n\r\n");
    REFUSED("5\r\nhello\r\r\n");
    REFUSED("5\r\nhello world\r\n0\r\n\r\n");
    REFUSED("5\r\nhello\r\n\r\n0\r\n\r\n");
    REFUSED("0\r\n\n");
    REFUSED("0\n\r\n");
    REFUSED("0\r\n\rX");
}

TEST(extensions_are_tokens_or_quoted_strings_and_ignored)
{
    CHUNKED(FF_HTTP_DONE, "1;a\r\nx\r\n0;b\r\n\r\n", "x", "");
    CHUNKED(FF_HTTP_DONE, "1;a=b;c=\"d \\\" ;\t\\\\\";e\r\nx\r\n0\r\n\r\n", "x", "");
    CHUNKED(FF_HTTP_DONE, "1;a=\"\"\r\nx\r\n0\r\n\r\n", "x", "");
    REFUSED("1;\r\nx\r\n");
    REFUSED("1;a=\r\nx\r\n");
    REFUSED("1;=b\r\nx\r\n");
    REFUSED("1;;a\r\nx\r\n");
    REFUSED("1; a\r\nx\r\n");
    REFUSED("1 ;a\r\nx\r\n");
    REFUSED("1;a =b\r\nx\r\n");
    REFUSED("1;a= b\r\nx\r\n");
    REFUSED("1;a=b c\r\nx\r\n");
    REFUSED("1;a\nx\r\n");
    REFUSED("1;a\rx\r\n");
    REFUSED("1;a\n\r\nx\r\n");
    REFUSED("1;a=\"b\r\nx\r\n");
    REFUSED("1;a=\"b\nc\"\r\nx\r\n");
    REFUSED("1;a=\"b\\\r\"\r\nx\r\n");
    REFUSED("1;a=\"b\"c\r\nx\r\n");
    REFUSED("1;a=\"\0\"\r\nx\r\n");
    CHUNKED(FF_HTTP_DONE, "1;a=\"\x80\"\r\nx\r\n0\r\n\r\n", "x", "");
    REFUSED("1;\x80\r\nx\r\n");
    REFUSED("1;a=b\"c\"\r\nx\r\n");
    REFUSED("1;a\x7f\r\nx\r\n");
}

TEST(trailers_are_well_formed_and_dropped)
{
    CHUNKED(FF_HTTP_DONE, "1\r\nx\r\n0\r\nA: b\r\nC:\r\nd:\te\xff\r\n\r\nGET", "x", "GET");
    REFUSED("0\r\nA\r\n\r\n");
    REFUSED("0\r\nA : b\r\n\r\n");
    REFUSED("0\r\n: b\r\n\r\n");
    REFUSED("0\r\n A: b\r\n\r\n");
    REFUSED("0\r\nA: b\r\n c\r\n\r\n");
    REFUSED("0\r\nA: b\n\r\n");
    REFUSED("0\r\nA: b\rc\r\n\r\n");
    REFUSED("0\r\nA: \0\r\n\r\n");
    REFUSED("0\r\nA: \x7f\r\n\r\n");
    REFUSED("0\r\nGET / HTTP/1.1\r\n\r\n");
}

static char raw[RAW_MAX];

static size_t fill(size_t at, size_t n, char c)
{
    memset(raw + at, c, n);
    return at + n;
}

static size_t add(size_t at, const char *text)
{
    memcpy(raw + at, text, strlen(text));
    return at + strlen(text);
}

TEST(long_extensions_and_trailers_are_refused)
{
    size_t n = add(fill(add(0, "1;"), 300, 'a'), "\r\nx\r\n0\r\n\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
    n = add(fill(add(0, "1;"), 200, 'a'), "\r\nx\r\n0\r\n\r\n");
    CHECK(gives(chunked, raw, n, FF_HTTP_DONE, "x", ""));
    n = add(fill(add(0, "0\r\nA:"), 5000, 'a'), "\r\n\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
}

TEST(overhead_that_no_content_pays_for_is_refused)
{
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n = add(fill(add(n, "1;"), 200, 'a'), "\r\nx\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
    n = add(0, "0\r\n");
    for (int i = 0; i < 3000; i++)
        n = add(n, "A: bcd\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
}

TEST(overhead_that_content_pays_for_is_taken)
{
    size_t n = 0;
    for (int i = 0; i < 150; i++)
        n = add(fill(add(fill(add(n, "c8;"), 198, 'a'), "\r\n"), 200, 'x'), "\r\n");
    decode(chunked, raw, n, n, &whole);
    CHECK(whole.verdict == FF_HTTP_MORE && whole.n == 150 * 200);
}

TEST(many_plain_chunks_of_one_octet_are_taken)
{
    size_t n = 0;
    for (int i = 0; i < 11000; i++)
        n = add(n, "1\r\nx\r\n");
    n = add(n, "0\r\n\r\n");
    decode(chunked, raw, n, n, &whole);
    CHECK(whole.verdict == FF_HTTP_DONE && whole.n == 11000);
}

TEST(trailers_that_rule_a_head_are_refused)
{
    REFUSED("0\r\nContent-Length: 5\r\n\r\n");
    REFUSED("0\r\nX: y\r\nTRANSFER-ENCODING: chunked\r\n\r\n");
    REFUSED("0\r\nhost: a\r\n\r\n");
    static const char others[] =
        "0\r\nHosts: a\r\nContent-Length-: 5\r\nTransfer-Encodings: a\r\n\r\n";
    CHECK(gives(chunked, others, sizeof(others) - 1, FF_HTTP_DONE, "", ""));
}

TEST(content_may_have_a_limit_that_its_announcement_meets_first)
{
    struct ff_http_body body;
    struct ff_http_request five = {.has_length = true, .length = 5};
    limits.content = 5;
    CHECK(ff_http_body_start(&body, &five, &limits) == FF_HTTP_DONE);
    five.length = 6;
    CHECK(ff_http_body_start(&body, &five, &limits) == 413);
    size_t n = add(0, "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    CHECK(gives(chunked, raw, n, FF_HTTP_DONE, "abcde", ""));
    n = add(0, "2\r\nab\r\n4\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
    n = add(0, "ffffffffffffffff\r\n");
    CHECK(gives(chunked, raw, n, 413, "", ""));
    limits.content = 0;
}

TEST(many_short_trailers_are_taken)
{
    size_t n = add(0, "0\r\n");
    for (int i = 0; i < 1000; i++)
        n = add(n, "A: bcd\r\n");
    CHECK(gives(chunked, raw, add(n, "\r\n"), FF_HTTP_DONE, "", ""));
}

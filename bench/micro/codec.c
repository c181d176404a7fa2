/* codec: what the core does for each request, so often that callgrind can count its instructions.
 *
 *     codec     each kind ROUNDS times, and next_kind() behind each: callgrind dumps its counts
 * there
 *
 * Fixed inputs, no I/O, no clock: the same binary gives the same counts everywhere. counts.py reads
 * them, and knows the kinds by their order. */
#include "balance.h"
#include "buffer.h"
#include "frame.h"
#include "heads.h"
#include "http_body.h"
#include "http_response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000, LANES = 8 };

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "codec: %s does not hold\n", #what);                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char POST[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char CHUNKS[] = "10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n"
                             "10\r\n0123456789abcdef\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
static const char DATE[] = "Sun, 06 Nov 1994 08:49:37 GMT";

static struct ff_http_request request;
static struct ff_buffer out;

/* callgrind dumps before each call of it */
__attribute__((noinline)) void next_kind(void)
{
    __asm__ volatile("");
}

static void parse(const char *head, size_t len)
{
    CHECK(ff_http_request_parse(head, len, &LIMITS, &request) == FF_HTTP_DONE);
}

static void parse_hello(void)
{
    parse(HELLO, sizeof HELLO - 1);
}

static void parse_browser(void)
{
    parse(BROWSER, sizeof BROWSER - 1);
}

static void decode_chunks(void)
{
    static const struct ff_http_body_limits limits = {0, 16384};
    char raw[sizeof CHUNKS];
    struct ff_http_body body;
    size_t n = sizeof CHUNKS - 1, rest;
    memcpy(raw, CHUNKS, n);
    CHECK(ff_http_body_start(&body, &request, &limits) == FF_HTTP_DONE);
    CHECK(ff_http_body_decode(&body, raw, &n, &rest) == FF_HTTP_DONE && n == 64 && rest == 0);
}

static void respond(void)
{
    struct ff_http_response r;
    ff_buffer_clear(&out);
    CHECK(ff_http_response_start(&r, &out, &request, true, "200 OK", 6) == 0);
    CHECK(ff_http_response_field(&r, "Content-Type", 12, "text/plain", 10) == 0);
    CHECK(ff_http_response_field(&r, "Content-Length", 14, "13", 2) == 0);
    CHECK(ff_http_response_end_head(&r, 13, DATE) == 0);
    CHECK(ff_http_response_begin_part(&r, 13) == 13);
    CHECK(ff_buffer_append(&out, "Hello, World!", 13) == 0);
    CHECK(ff_http_response_end_part(&r) == 0 && ff_http_response_finish(&r) == 0);
}

static void deal(void)
{
    static uint32_t room[LANES], owed[LANES];
    static size_t cursor;
    for (size_t i = 0; i < LANES; i++) {
        struct ff_balance_lane lane = {
            .queued = (uint32_t)i, .running = 1, .service_us = 40, .is_able = true};
        room[i] = ff_balance_credit(&lane);
    }
    int lane = ff_balance_pick(room, owed, LANES, cursor);
    CHECK(lane >= 0);
    ff_balance_turn(owed, LANES, &cursor, (size_t)lane);
}

static void route(void)
{
    static const char topic[] = "cache.users.17", pattern[] = "cache.*";
    char bytes[sizeof(struct ff_frame) + 64];
    struct ff_frame frame = {
        .size = sizeof topic - 1 + 20, .kind = FF_FRAME_PUBLISH, .topic_size = sizeof topic - 1};
    frame.total = 20;
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, &frame, sizeof frame);
    memcpy(bytes + sizeof frame, topic, sizeof topic - 1);
    CHECK(ff_frame_read(bytes, sizeof bytes, &frame) > 0);
    CHECK(ff_frame_matches(pattern, sizeof pattern - 1, bytes + sizeof frame, frame.topic_size));
}

int main(void)
{
    static void (*const kinds[])(void) = {parse_hello,   parse_browser, respond,
                                          decode_chunks, deal,          route};
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        if (kinds[kind] == respond)
            parse_hello();
        if (kinds[kind] == decode_chunks)
            parse(POST, sizeof POST - 1);
        next_kind(); /* what was paid before is not counted */
        for (int i = 0; i < ROUNDS; i++)
            kinds[kind]();
        next_kind();
    }
    ff_buffer_close(&out);
    return 0;
}

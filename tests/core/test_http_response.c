#include "check.h"
#include "http_response.h"

#include <errno.h>
#include <string.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define OWN "Date: " DATE "\r\nServer: fastfork\r\n"

static const struct ff_http_request get = {.minor = 1, .keep_alive = true};
static const struct ff_http_request head = {.minor = 1, .keep_alive = true, .is_head = true};
static const struct ff_http_request old = {.minor = 0};
static const struct ff_http_request old_kept = {.minor = 0, .keep_alive = true};

static struct ff_buffer out;
static struct ff_http_response r;

static int start(const struct ff_http_request *req, const char *status)
{
    ff_buffer_close(&out);
    return ff_http_response_start(&r, &out, req, true, status, strlen(status));
}

static int field(const char *name, const char *value)
{
    return ff_http_response_field(&r, name, strlen(name), value, strlen(value));
}

static int end_head(int64_t body_len)
{
    return ff_http_response_end_head(&r, body_len, DATE);
}

static int64_t part(const char *text)
{
    int64_t n = ff_http_response_begin_part(&r, strlen(text));
    if (n > 0 && (ff_buffer_append(&out, text, (size_t)n) < 0 || ff_http_response_end_part(&r) < 0))
        return -1;
    return n;
}

static bool wrote(const char *text)
{
    bool same = ff_buffer_len(&out) == strlen(text) &&
                memcmp(ff_buffer_head(&out), text, strlen(text)) == 0;
    if (!same)
        fprintf(stderr, "wrote: %.*s\n", (int)ff_buffer_len(&out), ff_buffer_head(&out));
    ff_buffer_close(&out);
    return same;
}

TEST(a_body_of_known_length_is_sent_with_it)
{
    CHECK(start(&get, "200 OK") == 0 && field("Content-Type", "text/plain") == 0);
    CHECK(end_head(5) == 0 && r.framing == FF_FRAMING_LENGTH && r.keep_alive);
    CHECK(part("he") == 2 && part("llo") == 3);
    CHECK(ff_http_response_finish(&r) == 0 && r.sent == 5 && r.ended);
    CHECK(wrote("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" OWN
                "Content-Length: 5\r\n\r\nhello"));
}

TEST(a_body_of_unknown_length_is_chunked)
{
    CHECK(start(&get, "200 OK") == 0 && end_head(-1) == 0 && r.framing == FF_FRAMING_CHUNKED);
    CHECK(part("hello") == 5 && part("0123456789abcdef") == 16);
    CHECK(ff_http_response_finish(&r) == 0 && r.keep_alive && ff_http_response_finish(&r) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Transfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
}

TEST(a_body_of_unknown_length_ends_with_the_connection_on_http_1_0)
{
    CHECK(start(&old_kept, "200 OK") == 0 && end_head(-1) == 0);
    CHECK(r.framing == FF_FRAMING_CLOSE && !r.keep_alive && part("abc") == 3);
    CHECK(ff_http_response_finish(&r) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Connection: close\r\n\r\nabc"));
}

TEST(http_1_0_is_told_that_the_connection_is_kept)
{
    CHECK(start(&old_kept, "200 OK") == 0 && end_head(0) == 0 && r.keep_alive);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
    CHECK(start(&old, "200 OK") == 0 && end_head(0) == 0 && !r.keep_alive);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 0\r\nConnection: close\r\n\r\n"));
}

TEST(the_application_or_the_server_may_wish_to_close)
{
    CHECK(start(&get, "200 OK") == 0 && field("connection", " Close ") == 0 && end_head(0) == 0);
    CHECK(!r.keep_alive && r.wants_close);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    CHECK(ff_http_response_start(&r, &out, &get, false, "200 OK", 6) == 0 && end_head(0) == 0);
    CHECK(!r.keep_alive);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    CHECK(start(&get, "200 OK") == 0 && field("Connection", "keep-alive") == 0 && end_head(0) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 0\r\n\r\n"));
}

TEST(head_keeps_the_length_and_drops_the_body)
{
    CHECK(start(&head, "200 OK") == 0 && field("Content-Length", "5") == 0 && end_head(-1) == 0);
    CHECK(r.framing == FF_FRAMING_NONE && part("hello") == 0 && ff_http_response_finish(&r) == 0);
    CHECK(r.keep_alive && wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 5\r\n\r\n"));
    CHECK(start(&head, "200 OK") == 0 && end_head(7) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 7\r\n\r\n"));
    CHECK(start(&head, "200 OK") == 0 && end_head(-1) == 0 && r.keep_alive);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "\r\n"));
    CHECK(start(&head, "200 OK") == 0 && end_head(0) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "\r\n"));
}

TEST(answers_without_content_have_no_framing)
{
    static const char *const bare[] = {"204 No Content", "100 Continue", "103 Early Hints"};
    for (size_t i = 0; i < sizeof(bare) / sizeof(*bare); i++) {
        char expected[200];
        snprintf(expected, sizeof(expected), "HTTP/1.1 %s\r\n" OWN "\r\n", bare[i]);
        CHECK(start(&get, bare[i]) == 0 && field("Content-Length", "5") == 0 && end_head(5) == 0);
        CHECK(part("hello") == 0 && ff_http_response_finish(&r) == 0 && wrote(expected));
    }
    CHECK(start(&get, "304 Not Modified") == 0 && end_head(0) == 0 && part("x") == 0);
    CHECK(wrote("HTTP/1.1 304 Not Modified\r\n" OWN "\r\n"));
    CHECK(start(&get, "304 Not Modified") == 0 && field("Content-Length", "9") == 0);
    CHECK(end_head(0) == 0 && ff_http_response_finish(&r) == 0);
    CHECK(wrote("HTTP/1.1 304 Not Modified\r\n" OWN "Content-Length: 9\r\n\r\n"));
    for (int has_length = 0; has_length < 2; has_length++) {
        CHECK(start(&get, "205 Reset Content") == 0);
        CHECK(!has_length || field("Content-Length", "5") == 0);
        CHECK(end_head(5) == 0 && part("hello") == 0 && ff_http_response_finish(&r) == 0);
        CHECK(wrote("HTTP/1.1 205 Reset Content\r\n" OWN "Content-Length: 0\r\n\r\n"));
    }
}

TEST(a_given_length_wins_and_is_kept_to)
{
    CHECK(start(&get, "200 OK") == 0 && field("content-length", "3") == 0 && end_head(99) == 0);
    CHECK(part("he") == 2 && part("llo") == 1 && part("x") == 0 && r.sent == 3);
    CHECK(ff_http_response_finish(&r) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 3\r\n\r\nhel"));
}

TEST(a_short_body_costs_the_connection)
{
    CHECK(start(&get, "200 OK") == 0 && field("Content-Length", "3") == 0 && end_head(-1) == 0);
    CHECK(part("he") == 2 && ff_http_response_finish(&r) == -EMSGSIZE && !r.keep_alive);
}

TEST(lengths_are_one_decimal_number)
{
    static const char *const bad[] = {"",   "+5",  "-5",  " 5",
                                      "5 ", "5,5", "0x5", "18446744073709551616"};
    CHECK(start(&get, "200 OK") == 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(field("Content-Length", bad[i]) == -EINVAL);
    CHECK(field("Content-Length", "9999999999999999999") == 0);
    CHECK(field("Content-Length", "9999999999999999999") == 0);
    CHECK(field("Content-Length", "5") == -EINVAL);
    CHECK(end_head(-1) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\n" OWN "Content-Length: 9999999999999999999\r\n\r\n"));
}

TEST(date_and_server_of_the_application_win)
{
    CHECK(start(&get, "200 OK") == 0 && field("DATE", "today") == 0 &&
          field("server", "mine") == 0);
    CHECK(end_head(0) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\nDATE: today\r\nserver: mine\r\nContent-Length: 0\r\n\r\n"));
}

TEST(fields_that_would_split_the_response_are_refused)
{
    static const char *const names[] = {"",    "A B",      "A:",    "A\r\nB",
                                        "A\n", "\xc3\xa9", "A\x7f", "A\t"};
    static const char *const values[] = {"a\r\nX: y", "a\nb",  "a\rb",
                                         "a\x01",     "a\x7f", "0123456789abcdef\n"};
    CHECK(start(&get, "200 OK") == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        CHECK(field(names[i], "x") == -EINVAL);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        CHECK(field("X", values[i]) == -EINVAL);
    CHECK(ff_http_response_field(&r, "X", 1, "a\0b", 3) == -EINVAL);
    CHECK(field("X", "") == 0 && field("Y", "\tcaf\xc3\xa9") == 0 && end_head(0) == 0);
    CHECK(wrote("HTTP/1.1 200 OK\r\nX: \r\nY: \tcaf\xc3\xa9\r\n" OWN "Content-Length: 0\r\n\r\n"));
}

TEST(hop_by_hop_fields_are_not_the_applications)
{
    static const char *const names[] = {
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "trailer",
        "TRANSFER-ENCODING",
        "Upgrade",
        "Connection",
    };
    CHECK(start(&get, "200 OK") == 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        CHECK(field(names[i], "chunked") == -EPERM);
    CHECK(field("Connection", "close, X") == -EPERM && !r.wants_close);
    CHECK(field("Trailers", "x") == 0 && field("Upgraded", "x") == 0);
    ff_buffer_close(&out);
}

TEST(a_status_is_three_digits_a_space_and_a_reason)
{
    static const char *const bad[] = {"",         "200",      "20 OK",    "2000 OK",   "200OK",
                                      "abc OK",   "099 X",    " 200 OK",  "200 O\r\n", "200 O\nK",
                                      "200 \x01", "200 \x7f", "200 a\tb", "2x0 OK"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(start(&get, bad[i]) == -EINVAL && ff_buffer_len(&out) == 0);
    CHECK(start(&get, "299 ") == 0 && r.status == 299 && wrote("HTTP/1.1 299 \r\n"));
    CHECK(start(&get, "404 N\xc3\xa9 !") == 0 && r.status == 404);
    CHECK(wrote("HTTP/1.1 404 N\xc3\xa9 !\r\n"));
}

TEST(a_response_is_added_behind_what_is_there)
{
    CHECK(ff_buffer_append(&out, "before", 6) == 0);
    CHECK(ff_http_response_start(&r, &out, &get, true, "200 OK", 6) == 0 && r.mark == 6);
    CHECK(wrote("beforeHTTP/1.1 200 OK\r\n"));
}

TEST(a_refusal_is_a_whole_answer_that_closes)
{
    CHECK(ff_http_refusal(&out, 505, false, DATE) == 0);
    CHECK(wrote(
        "HTTP/1.1 505 HTTP Version Not Supported\r\n" OWN
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\nConnection: close\r\n\r\n"
        "The only version spoken here is HTTP/1.x.\n"));
    CHECK(ff_http_refusal(&out, 400, true, DATE) == 0);
    CHECK(wrote("HTTP/1.1 400 Bad Request\r\n" OWN
                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 41\r\nConnection: "
                "close\r\n\r\n"));
}

TEST(every_refusal_names_its_status)
{
    static const int known[] = {400, 408, 413, 414, 417, 431, 500, 501, 502, 503, 504, 505};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        CHECK(ff_http_refusal(&out, known[i], false, DATE) == 0);
        CHECK(atoi(ff_buffer_head(&out) + 9) == known[i]);
        CHECK(ff_buffer_tail(&out)[-1] == '\n');
        ff_buffer_close(&out);
    }
    CHECK(ff_http_refusal(&out, 999, false, DATE) == 0);
    CHECK(memcmp(ff_buffer_head(&out), "HTTP/1.1 500 Internal", 21) == 0);
    ff_buffer_close(&out);
}

static int trailer(const char *name, const char *value)
{
    return ff_http_response_trailer(&r, name, strlen(name), value, strlen(value));
}

TEST(trailers_stand_behind_the_last_chunk_and_only_there)
{
    CHECK(start(&get, "200 OK") == 0 && end_head(-1) == 0);
    ff_buffer_clear(&out);
    CHECK(trailer("x-sum", "1") == 0 && trailer("x-more", "") == 0);
    CHECK(trailer("content-length", "1") == -EPERM && trailer("host", "x") == -EPERM);
    CHECK(trailer("x y", "1") == -EINVAL);
    CHECK(ff_http_response_finish(&r) == 0 && wrote("0\r\nx-sum: 1\r\nx-more: \r\n\r\n"));
    CHECK(start(&get, "200 OK") == 0 && end_head(0) == 0);
    ff_buffer_clear(&out);
    CHECK(trailer("x-sum", "1") == 0 && ff_http_response_finish(&r) == 0 && wrote(""));
}

static bool is_date(int64_t seconds, const char *expected)
{
    char date[FF_HTTP_DATE_LEN];
    ff_http_date(seconds, date);
    return memcmp(date, expected, sizeof(date)) == 0;
}

TEST(dates_are_those_of_the_calendar)
{
    CHECK(is_date(784111777, DATE));
    CHECK(is_date(0, "Thu, 01 Jan 1970 00:00:00 GMT") &&
          is_date(-5, "Thu, 01 Jan 1970 00:00:00 GMT"));
    CHECK(is_date(951782399, "Mon, 28 Feb 2000 23:59:59 GMT"));
    CHECK(is_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT"));
    CHECK(is_date(1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"));
    CHECK(is_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"));
    CHECK(is_date(253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"));
    CHECK(is_date(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"));
}

TEST(every_kind_of_refusal_has_a_status_and_the_other_way_round)
{
    size_t kind = 0;
    for (; ff_http_refusal_status(kind) != 0; kind++)
        CHECK(ff_http_refusal_kind(ff_http_refusal_status(kind)) == kind);
    CHECK(kind > 10 && ff_http_refusal_status(ff_http_refusal_kind(999)) == 500);
}

#include "check.h"
#include "http_request.h"

#include <stdint.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

enum { GUARDED = 70000 };

static const struct ff_http_limits wide = {65535, 8190, 8190, FF_HTTP_FIELDS_MAX, false};
static struct ff_http_request req;

/* `n` octets that end where an unreadable page begins. */
static const char *guarded(const void *bytes, size_t n)
{
    static char *end;
    static char zeros[GUARDED];
    if (!end)
        end = check_guarded(zeros, GUARDED) + GUARDED;
    if (n > 0)
        memcpy(end - n, bytes, n);
    return end - n;
}

static int parse(const char *bytes, size_t n, const struct ff_http_limits *limits)
{
    return ff_http_request_parse(guarded(bytes, n), n, limits, &req);
}

/* Feeds octet by octet through ff_http_request_ready, as a connection does. */
static int dribble(const char *bytes, size_t n, const struct ff_http_limits *limits)
{
    size_t seen = 0;
    int verdict = FF_HTTP_MORE;
    for (size_t len = 1; len <= n && verdict == FF_HTTP_MORE; len++)
        if (ff_http_request_ready(guarded(bytes, len), len, limits, &seen))
            verdict = parse(bytes, len, limits);
    return verdict;
}

/* Whole, in every prefix, and dribbled: the verdict may only change from MORE, and only once. */
static bool verdict_is(const char *bytes, size_t n, const struct ff_http_limits *limits,
                       int expected)
{
    int verdict = parse(bytes, n, limits);
    bool same = verdict == expected;
    for (size_t len = 0; len < n && same; len++) {
        int early = parse(bytes, len, limits);
        same = early == FF_HTTP_MORE || (early == expected && expected != FF_HTTP_DONE) ||
               (early == FF_HTTP_DONE && expected == FF_HTTP_DONE && req.head_len <= len);
    }
    int slow = dribble(bytes, n, limits);
    same = same && (slow == expected || (slow == FF_HTTP_MORE && expected != FF_HTTP_DONE));
    if (!same)
        fprintf(stderr, "%d whole, %d dribbled, not %d: %.*s\n", verdict, slow, expected, (int)n,
                bytes);
    parse(bytes, n, limits);
    return same;
}

#define GIVES(expected, bytes) CHECK(verdict_is(bytes, sizeof(bytes) - 1, &wide, expected))
#define WITHIN(head_max, line_max, field_max, fields_max, expected, bytes)                         \
    do {                                                                                           \
        const struct ff_http_limits limits = {head_max, line_max, field_max, fields_max, false};   \
        CHECK(verdict_is(bytes, sizeof(bytes) - 1, &limits, expected));                            \
    } while (0)

struct text {
    const char *bytes;
    size_t n;
};
#define T(literal) {literal, sizeof(literal) - 1}

/* Each part put between `before` and `behind` gives `expected`. */
static bool all_give(int expected, const char *before, const struct text *parts, size_t count,
                     const char *behind)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        char head[1024];
        size_t n = strlen(before);
        memcpy(head, before, n);
        memcpy(head + n, parts[i].bytes, parts[i].n);
        n += parts[i].n;
        memcpy(head + n, behind, strlen(behind));
        all = verdict_is(head, n + strlen(behind), &wide, expected) && all;
    }
    return all;
}

#define ALL_GIVE(expected, before, behind, ...)                                                    \
    do {                                                                                           \
        static const struct text parts[] = {__VA_ARGS__};                                          \
        CHECK(all_give(expected, before, parts, sizeof(parts) / sizeof(*parts), behind));          \
    } while (0)

static bool is(const char *head, struct ff_http_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(head + slice.at, text, slice.len) == 0;
}

TEST(a_browsers_head_is_taken_apart)
{
    static const char head[] =
        "GET /a%20b/c?x=1&y=%3F HTTP/1.1\r\nHost: www.example.com:8000\r\nuser-agent: \t "
        "Mozilla/5.0 "
        "(X11; Linux x86_64)\t \r\nX_Under: caf\xc3\xa9\r\nACCEPT:*/*\r\nx-empty:\r\n\r\nleftover";
    GIVES(FF_HTTP_DONE, head);
    CHECK(req.head_len == sizeof(head) - 1 - strlen("leftover"));
    CHECK(is(head, req.method, "GET") && !req.is_head && !req.is_connect && req.minor == 1);
    CHECK(is(head, req.target, "/a%20b/c?x=1&y=%3F"));
    CHECK(is(head, req.path, "/a%20b/c") && is(head, req.query, "x=1&y=%3F") && req.path_encoded);
    CHECK(is(head, req.host, "www.example.com:8000"));
    CHECK(req.keep_alive && !req.chunked && !req.has_length && !req.expect_continue);
    CHECK(req.fields == 5);
    CHECK(is(head, req.field[1].name, "user-agent"));
    CHECK(is(head, req.field[1].value, "Mozilla/5.0 (X11; Linux x86_64)") && req.field[1].ascii);
    CHECK(req.field[1].known == FF_FIELD_USER_AGENT && !req.field[1].underscore);
    CHECK(req.field[2].known == FF_FIELD_OTHER && req.field[2].underscore && !req.field[2].ascii);
    CHECK(req.field[3].known == FF_FIELD_ACCEPT && is(head, req.field[3].value, "*/*"));
    CHECK(is(head, req.field[4].value, ""));
}

TEST(every_known_field_is_known_in_any_case)
{
    for (int name = FF_FIELD_OTHER + 1; name < FF_FIELD_COUNT; name++) {
        const char *spelling = ff_http_field_spelling((enum ff_http_field_name)name);
        size_t n = strlen(spelling);
        for (unsigned upper = 0; upper < 3; upper++) {
            char head[100] = "GET / HTTP/1.0\r\n";
            char *at = head + strlen(head);
            for (size_t i = 0; i < n; i++) {
                bool is_letter = spelling[i] >= 'a' && spelling[i] <= 'z';
                at[i] = (char)(spelling[i] - (is_letter && (upper == 2 || i % 2 < upper) ? 32 : 0));
            }
            strcpy(at + n, ":\r\n\r\n");
            int verdict = parse(head, strlen(head), &wide);
            CHECK(verdict == FF_HTTP_DONE || verdict == 400); /* an empty Content-Length is a 400 */
            CHECK(req.field[0].known == name);
        }
    }
    CHECK(*ff_http_field_spelling(FF_FIELD_OTHER) == '\0');
}

TEST(names_like_known_ones_are_others)
{
    static const struct text names[] = {
        T("Hos"),
        T("Hosts"),
        T("Content_Length"),
        T("Content-Lengtx"),
        T("Xontent-Length"),
        T("T"),
        T("Accepu"),
        T("Contentmlength"),
        T("Sec-Fetch-Test"),
        T("x"),
        T("proxx"),
        T("ser-agent"),
        T("upgrade-insecure-requestz"),
        T("upgrade-insecurx-requests"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char head[100];
        int n = snprintf(head, sizeof(head), "GET / HTTP/1.0\r\n%s: 1\r\n\r\n", names[i].bytes);
        CHECK(parse(head, (size_t)n, &wide) == FF_HTTP_DONE);
        CHECK(req.field[0].known == FF_FIELD_OTHER);
    }
}

TEST(any_token_is_a_method)
{
    ALL_GIVE(FF_HTTP_DONE, "", " / HTTP/1.1\r\n" HOST END, T("GET"), T("get"), T("X"),
             T("M-SEARCH"), T("!#$%&'*+-.^_`|~09"), T("HEAD"), T("OPTIONS"));
    GIVES(FF_HTTP_DONE, "HEAD / HTTP/1.1\r\n" HOST END);
    CHECK(req.is_head);
    GIVES(FF_HTTP_DONE, "head / HTTP/1.1\r\n" HOST END);
    CHECK(!req.is_head);
}

TEST(methods_that_are_no_tokens_are_refused)
{
    ALL_GIVE(400, "", " / HTTP/1.1\r\n" HOST END, T(""), T(" GET"), T("\tGET"), T("G\x01"),
             T("G(T"), T("GET\t"), T("G\x7f"), T("G\xc3\xa9"), T("\x16\x03\x01"), T("GET:"),
             T("G/T"), T("\0"));
}

TEST(empty_lines_before_the_request_line_are_skipped)
{
    GIVES(FF_HTTP_DONE, "\r\n\r\n" GET HOST END);
    CHECK(req.head_len == 4 + sizeof(GET HOST END) - 1);
    GIVES(400, "\n" GET HOST END);
    GIVES(400, "\r\r\n" GET HOST END);
    GIVES(400, " \r\n" GET HOST END);
    WITHIN(20, 20, 20, 1, 431, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n");
}

TEST(the_parts_of_the_request_line_stand_one_space_apart)
{
    ALL_GIVE(400, "", "\r\n" HOST END, T("GET"), T("GET "), T("GET /"), T("GET  / HTTP/1.1"),
             T("GET /  HTTP/1.1"), T("GET\t/ HTTP/1.1"), T("GET /\tHTTP/1.1"), T("GET / HTTP/1.1 "),
             T("GET / HTTP/1.1\t"), T("GET / "), T("GET HTTP/1.1"), T("GET / x HTTP/1.1"),
             T("GET / HTTP/1.1\r"), T("GET / HTTP/1.1 HTTP/1.1"));
}

TEST(only_http_1_is_spoken)
{
    ALL_GIVE(400, "GET / ", "\r\n" HOST END, T("http/1.1"), T("HTTP/1"), T("HTTP/1."), T("HTTP/.1"),
             T("HTTP/1.10"), T("HTTP/11.1"), T("HTTP/1,1"), T("HTTP 1.1"), T("HTTP/1.1x"),
             T("HTTP/x.1"), T("HTTP/1.x"), T("HTTQ/1.1"), T("HTTPS/1.1"), T("HTTP/+1.1"),
             T("ICAP/1.0"), T("HTTP/\0.1"));
    ALL_GIVE(505, "GET / ", "\r\n" HOST END, T("HTTP/2.0"), T("HTTP/0.9"), T("HTTP/3.1"),
             T("HTTP/9.9"));
    GIVES(FF_HTTP_DONE, "GET / HTTP/1.9\r\n" HOST END);
    CHECK(req.minor == 1 && req.keep_alive);
    GIVES(FF_HTTP_DONE, "GET / HTTP/1.0\r\n" END);
    CHECK(req.minor == 0 && !req.keep_alive);
}

TEST(targets_are_visible_ascii_without_a_fragment)
{
    ALL_GIVE(FF_HTTP_DONE, "GET /", " HTTP/1.1\r\n" HOST END, T(""), T("a?b?c"), T("?"),
             T("//x//.."), T("%"), T("%zz"), T("a\"<>\\^`{|}"), T("0123456789abcdef"),
             T("0123456789abcdef?0123456789abcdef"), T("0123456789abcde?0123456789abcd"),
             T("a:b@c;d=1,2"));
    ALL_GIVE(400, "GET /", " HTTP/1.1\r\n" HOST END, T("#"), T("a#b"), T("a?b#c"), T("\x80"),
             T("\xff"), T("a\x7f"), T("\0"), T("a\x01z"),
             T("0123456789abcdef\x1f"
               "0123456789abcdef"),
             T("a\tb"), T("?0123456789abcdef#123456789abcdef"),
             T("0123456789abcdef0123456789\xe9"
               "0"),
             T("a\nb"), T("a\rb"));
}

TEST(the_four_forms_of_target_are_told_apart)
{
    static const char absolute[] = "GET hTTp://u.example:80/p%41?q HTTP/1.1\r\nHost: other\r\n\r\n";
    GIVES(FF_HTTP_DONE, absolute);
    CHECK(is(absolute, req.host, "u.example:80") && is(absolute, req.path, "/p%41"));
    CHECK(is(absolute, req.query, "q") && req.path_encoded);

    static const char bare[] = "GET HTTPS://[::1]?q=/ HTTP/1.1\r\nHost: other\r\n\r\n";
    GIVES(FF_HTTP_DONE, bare);
    CHECK(is(bare, req.host, "[::1]") && is(bare, req.path, "/") && is(bare, req.query, "q=/"));

    static const char connect[] = "CONNECT example.com:443 HTTP/1.1\r\nHost: other\r\n\r\n";
    GIVES(FF_HTTP_DONE, connect);
    CHECK(req.is_connect && is(connect, req.host, "example.com:443") && req.path.len == 0);

    static const char asterisk[] = "OPTIONS * HTTP/1.1\r\nHost: other\r\n\r\n";
    GIVES(FF_HTTP_DONE, asterisk);
    CHECK(is(asterisk, req.path, "*") && is(asterisk, req.host, "other"));
}

TEST(targets_of_no_form_are_refused)
{
    ALL_GIVE(400, "", " HTTP/1.1\r\n" HOST END, T("GET *"), T("OPTIONS **"), T("OPTIONS *?a"),
             T("GET a"), T("GET ?a"), T("GET example.com:80"), T("GET ftp://a/"), T("GET http:/a"),
             T("GET http//a"), T("GET httpss://a/"), T("GET http://"), T("GET http:///a"),
             T("GET http://:80/"), T("GET http://u@a/"), T("GET http://a,b/"), T("GET http://a:b/"),
             T("GET http://[::1/"), T("GET http://a b/"), T("GET http://a#f"), T("GET http://a%4/"),
             T("GET http://?a"), T("GET sttp://a/"), T("GET hsttp://a/"), T("GET http\x1a//a/"));
    ALL_GIVE(400, "CONNECT ", " HTTP/1.1\r\n" HOST END, T("/"), T("a"), T("a:"), T(":443"), T("*"),
             T("http://a:80/"), T("a:443/"), T("a:443?"), T("a:4x3"), T("u@a:443"), T("a:80:80"));
}

TEST(hosts_are_names_or_addresses_with_a_port)
{
    ALL_GIVE(FF_HTTP_DONE, GET "Host:", "\r\n\r\n", T(""), T(" "), T(" a"), T("\ta.b-c_d~e\t"),
             T("127.0.0.1"), T("a:80"), T("a:"), T("[::1]"), T("[::ffff:1.2.3.4]:80"),
             T("[fe80::1]:"), T("%41b"), T("a!$&'()*+;=b"), T(":80"),
             T("[1111:2222:3333:4444:5555:6666:255.255.255.255]"));
    ALL_GIVE(400, GET "Host:", "\r\n\r\n", T("a b"), T("a,b"), T("a, b"), T("u@a"), T("a/b"),
             T("http://a"), T("a:8x"), T("a:80:80"), T("a:-1"), T("[::1"), T("::1"), T("[::1]x"),
             T("[]"), T("[g::]"), T("[::1%25eth0]"), T("[v1.a]"), T("%4"), T("%4g"), T("%"),
             T("a?b"), T("a#b"), T("a\\b"), T("a\"b"), T("\xc3\xa9"), T("a\tb"), T("[1:2:3]"),
             T("<a>"), T("a^"), T("a|b"), T("{a}"), T("[a].b"),
             T("[00000000000000000000000000000000000000000000000]"));
}

TEST(http_1_1_has_exactly_one_host)
{
    GIVES(400, GET END);
    GIVES(400, GET "X: y\r\n" END);
    GIVES(400, "GET http://a/ HTTP/1.1\r\n" END);
    GIVES(400, GET HOST HOST END);
    GIVES(400, "GET / HTTP/1.0\r\n" HOST HOST END);
    GIVES(400, "GET http://a/ HTTP/1.1\r\n" HOST HOST END);
    GIVES(400, "GET http://a/ HTTP/1.1\r\nHost: a b\r\n" END);
    GIVES(FF_HTTP_DONE, "GET / HTTP/1.0\r\nX: y\r\n" END);
    CHECK(req.host.len == 0);
}

TEST(lines_end_with_cr_lf_only)
{
    GIVES(400, "GET / HTTP/1.1\nHost: a\n\n");
    GIVES(400, "GET / HTTP/1.1\n" HOST END);
    GIVES(400, GET "Host: a\n" END);
    GIVES(400, GET HOST "\n");
    GIVES(400, GET HOST "X: y\n" END);
    GIVES(400, "GET / HTTP/1.1\rHost: a\r\r");
    GIVES(400, GET "Host: a\r\r\n" END);
    GIVES(400, GET HOST "X: a\rb\r\n" END);
    GIVES(400, GET HOST "X: a\r" END);
    GIVES(400, GET HOST "\rX");
    GIVES(400, GET HOST "\r\r\n");
    GIVES(400, GET HOST "X: 0123456789abcdef0123456789\n0123456789abcdef\r\n" END);
}

TEST(field_names_are_tokens_directly_before_the_colon)
{
    ALL_GIVE(400, GET HOST, "\r\n\r\n", T("X : y"), T("X\t: y"), T(": y"), T(":"), T("X"), T("X y"),
             T("X y: z"), T(" X: y"), T("\tX: y"), T(" "), T("X(: y"), T("X\x80: y"), T("X\0: y"),
             T("X\x7f: y"), T("\xef\xbb\xbfX: y"), T("X\x0b: y"), T("\"X\": y"), T("X/Y: z"),
             T("X@Y: z"), T("X[0]: y"), T("X: y\r\n folded"), T("X: y\r\n\tfolded"),
             T("Transfer-Encoding : chunked"), T("Content\rLength: 5"), T("Content-Length\x1f: 5"),
             T("Hos\x14: a"), T("Content-Length\x80: 5"));
    GIVES(400, GET " X: y\r\n" HOST END);
    GIVES(FF_HTTP_DONE, GET HOST "!#$%&'*+-.^_`|~09azAZ: y\r\n" END);
}

TEST(field_values_have_no_control_octets)
{
    for (unsigned at = 0; at < 40; at++) {
        for (unsigned c = 0; c < 256; c++) {
            char head[] = GET HOST "X: 0123456789abcdef0123456789abcdef0123456789\r\n" END;
            head[sizeof(GET HOST) - 1 + 3 + at] = (char)c;
            bool is_fine = c == '\t' || (c >= ' ' && c != 0x7f);
            CHECK(parse(head, sizeof(head) - 1, &wide) == (is_fine ? FF_HTTP_DONE : 400));
            CHECK(!is_fine || req.field[1].ascii == (c < 0x80));
        }
    }
}

TEST(content_length_is_one_decimal_number)
{
    ALL_GIVE(400, "POST / HTTP/1.1\r\n" HOST "Content-Length:", "\r\n\r\n", T(""), T(" "), T("+5"),
             T("-5"), T("0x5"), T("5 5"), T("5,5"), T("5, 5"), T("1_0"), T("5."), T("5;"),
             T("\"5\""), T("00000000000000000005"), T("18446744073709551621"),
             T("99999999999999999999"), T("a"), T("\xd9\xa5"), T("5\x0b"), T("5\xa0"),
             T("5\r\nContent-Length: 5"), T("5\r\nContent-Length: 6"), T("5\r\nCONTENT-LENGTH:"),
             T("5\r\n 5"));
    GIVES(FF_HTTP_DONE,
          "POST / HTTP/1.1\r\n" HOST "Content-Length: \t9999999999999999999 \r\n" END);
    CHECK(req.has_length && req.length == 9999999999999999999u);
    GIVES(FF_HTTP_DONE, "POST / HTTP/1.1\r\n" HOST "content-length:0\r\n" END);
    CHECK(req.has_length && req.length == 0 && !req.chunked);
    GIVES(FF_HTTP_DONE, GET HOST "X: 1\r\n" END);
    CHECK(!req.has_length && req.length == 0);
}

TEST(chunked_is_the_only_transfer_coding)
{
    ALL_GIVE(FF_HTTP_DONE, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:", "\r\n\r\n",
             T("chunked"), T(" chunked"), T("\tChunked \t"), T("CHUNKED"));
    CHECK(req.chunked && !req.has_length);
    ALL_GIVE(501, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:", "\r\n\r\n", T("gzip"),
             T("xchunked"), T("chunkedx"), T("identity"), T("gzip, chunked"),
             T("gzip;q=1, chunked"), T("x;a=\"b,\\\"c\" ;d=e"),
             T("gzip\r\nTransfer-Encoding: chunked"), T("chunke"));
    ALL_GIVE(400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:", "\r\n\r\n", T(""), T(","),
             T("chunked,"), T(",chunked"), T("chunked, gzip"), T("chunked, chunked"),
             T("gzip, chunked, chunked"), T("\"chunked\""), T("chunked;a=b"), T("chunked;"),
             T("chunked chunked"), T("chunked\xa0"), T("chunked\x0b"),
             T("\x0b"
               "chunked"),
             T("chunked\0"),
             T("'chunked' "
               "x"),
             T("chunked\r\nTransfer-Encoding: chunked"), T("chunked\r\nTransfer-Encoding: gzip"),
             T("chunked\r\nTransfer-Encoding:"), T("gzip;a"), T("gzip;a="), T("gzip;a=\"b"),
             T("gzip;a=\"b\\"), T("gzip/1"), T("chunked\r\n chunked"), T("gzip;=b"));
}

TEST(chunked_goes_neither_with_a_length_nor_with_http_1_0)
{
    GIVES(400,
          "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END);
    GIVES(400,
          "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END);
    GIVES(400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n" END);
    GIVES(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END);
    GIVES(400, "POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n" END);
}

static bool keeps_alive(const char *version, const char *fields)
{
    char head[200];
    int n = snprintf(head, sizeof(head), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", version, fields);
    return parse(head, (size_t)n, &wide) == FF_HTTP_DONE && req.keep_alive;
}

TEST(connection_is_a_list_in_which_close_wins)
{
    CHECK(keeps_alive("1.1", "") && !keeps_alive("1.0", ""));
    CHECK(keeps_alive("1.0", "Connection: keep-alive\r\n"));
    CHECK(keeps_alive("1.0", "Connection: te ,,\tKEEP-Alive , x\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: close\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: keep-alive, Close\r\n"));
    CHECK(!keeps_alive("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    CHECK(!keeps_alive("1.0", "Connection: keep-alive\r\nConnection: x,close\r\n"));
    CHECK(keeps_alive("1.1", "Connection: closed, xclose, clos\r\n"));
    CHECK(keeps_alive("1.1", "Connection:\r\nConnection: ,\r\nConnection: upgrade\r\n"));
}

TEST(expect_is_100_continue_or_refused)
{
    GIVES(FF_HTTP_DONE, "GET / HTTP/1.0\r\nExpect: 100-continue\r\n" END);
    CHECK(!req.expect_continue);
    GIVES(FF_HTTP_DONE, "GET / HTTP/1.0\r\nExpect: magic\r\n" END);
    ALL_GIVE(417, GET HOST "Expect: ", "\r\n\r\n", T("magic"), T("100-continue, magic"), T("100"),
             T("100-continue\r\nExpect: magic"), T("100-continue 100-continue"));
    ALL_GIVE(FF_HTTP_DONE, GET HOST "Expect: ", "\r\n\r\n", T(","), /* a list of nothing */
             T("100-continue\r\nExpect: 100-continue"), T("100-continue,,\t100-Continue ,"));
    CHECK(req.expect_continue);
}

TEST(limits_hold_to_the_octet)
{
    static const char head[] =
        "GET /6789 HTTP/1.1\r\nHost: 789\r\nX: 456789\r\n\r\n"; /* 18, 9, 9 */
    WITHIN(sizeof(head) - 1, 18, 9, 2, FF_HTTP_DONE, head);
    WITHIN(65535, 17, 9, 2, 414, head);
    WITHIN(65535, 18, 8, 2, 431, head);
    WITHIN(65535, 18, 9, 1, 431, head);
    WITHIN(sizeof(head) - 2, 18, 9, 2, 431, head);
    WITHIN(65535, 4, 9, 2, 414, "GET / HTTP/1.1\r\n");
    WITHIN(65535, 4, 9, 2, 501, "GETGETGET");
    WITHIN(65535, 4, 9, 2, 501, "GETGET");
    WITHIN(10, 18, 9, 2, 431, "\r\n\r\nGET /a");
    WITHIN(65535, 18, 9, 2, 431, GET "HostHostHost");
    WITHIN(10, 18, 9, 2, 431, "\r\n\r\nGET /aaaaa");
    WITHIN(65535, 18, 9, 2, FF_HTTP_MORE, GET "Host: 789\r\n");
}

TEST(a_head_may_fill_the_offsets_but_not_overflow_them)
{
    static char big[GUARDED];
    static const struct ff_http_limits none = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                               false};
    memset(big, 'a', sizeof(big));
    memcpy(big, GET HOST "X: ", sizeof(GET HOST "X: ") - 1);
    CHECK(parse(big, 65534, &none) == FF_HTTP_MORE);
    CHECK(parse(big, sizeof(big), &none) == 431);
    memcpy(big + 65531, "\r\n\r\n", 4);
    CHECK(parse(big, sizeof(big), &none) == FF_HTTP_DONE);
    CHECK(req.head_len == 65535);
    CHECK(req.field[1].value.at + req.field[1].value.len == 65531);
}

TEST(names_with_underscores_are_refused_if_that_is_asked)
{
    static const struct ff_http_limits strict = {65535, 8190, 8190, FF_HTTP_FIELDS_MAX, true};
    static const char with[] = GET HOST "X_A: b\r\n" END, without[] = GET HOST "X-A: _\r\n" END;
    CHECK(verdict_is(with, sizeof(with) - 1, &strict, 400));
    CHECK(verdict_is(with, sizeof(with) - 1, &wide, FF_HTTP_DONE));
    CHECK(verdict_is(without, sizeof(without) - 1, &strict, FF_HTTP_DONE));
}

TEST(more_fields_than_there_are_places_for_are_refused)
{
    static const struct ff_http_limits none = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                               false};
    char head[2000] = "GET / HTTP/1.0\r\n";
    size_t n = strlen(head);
    for (int i = 0; i < FF_HTTP_FIELDS_MAX; i++, n += 5)
        memcpy(head + n, "X:y\r\n", 5);
    memcpy(head + n, "\r\n", 2);
    CHECK(parse(head, n + 2, &none) == FF_HTTP_DONE);
    CHECK(req.fields == FF_HTTP_FIELDS_MAX);
    memcpy(head + n, "X:y\r\n\r\n", 7);
    CHECK(parse(head, n + 7, &none) == 431);
}

TEST(parsing_again_is_only_worth_it_when_something_ended)
{
    static const char head[] = "\r\n\r\n" GET HOST "X: y\r\n" END;
    size_t seen = 0, worth = 0;
    for (size_t len = 1; len < sizeof(head); len++)
        worth += ff_http_request_ready(guarded(head, len), len, &wide, &seen);
    CHECK(worth == 1);
    seen = 0;
    CHECK(ff_http_request_ready("\n", 1, &wide, &seen));
    CHECK(ff_http_request_ready("GET /\n", 6, &wide, &seen));
}

TEST(a_line_without_end_is_parsed_again_before_the_limit_of_the_head)
{
    static char big[GUARDED];
    size_t seen = 0, worth = 0;
    memset(big, 'a', sizeof(big));
    for (size_t len = 1; len < wide.head; len++)
        worth += ff_http_request_ready(big, len, &wide, &seen);
    CHECK(worth == 3); /* 8, 16 and 32 KiB */
    CHECK(ff_http_request_ready(big, wide.head, &wide, &seen));
}

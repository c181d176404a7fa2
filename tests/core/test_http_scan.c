#include "check.h"
#include "http_scan.h"

#include <ctype.h>
#include <string.h>

static bool is_one_of(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

/* The grammars of RFC 9110 and RFC 3986, in words that differ from those of the table. */
static unsigned classes_of(int c)
{
    bool is_alnum = c < 0x80 && isalnum(c), is_visible = c > 0x20 && c < 0x7f;
    unsigned classes = 0;
    if (is_alnum || is_one_of(c, "!#$%&'*+-.^_`|~"))
        classes |= FF_OCTET_TOKEN;
    if (is_visible || c >= 0x80 || c == ' ' || c == '\t')
        classes |= FF_OCTET_VALUE;
    if (is_visible && c != '#')
        classes |= FF_OCTET_TARGET | (c != '?' ? FF_OCTET_PATH : 0u);
    if (is_alnum || is_one_of(c, "-._~!$&'()*+;="))
        classes |= FF_OCTET_HOST;
    if (c < 0x80 && isxdigit(c))
        classes |= FF_OCTET_HEX;
    return classes | (c == '_' ? FF_OCTET_UNDERSCORE : 0u);
}

TEST(the_table_has_the_classes_of_the_grammars)
{
    for (int c = 0; c < 256; c++)
        CHECK(ff_http_octet[c] == classes_of(c));
}

enum { RUN = 70 };

static const uint8_t *edge; /* the first octet that can't be read */

static uint8_t *run_of(uint8_t filler, size_t n)
{
    static const uint8_t zeros[RUN];
    if (!edge)
        edge = (const uint8_t *)check_guarded(zeros, RUN) + RUN;
    uint8_t *p = (uint8_t *)(uintptr_t)edge - n;
    memset(p, filler, n);
    return p;
}

TEST(each_scan_stops_at_the_first_octet_that_is_not_of_its_class)
{
    for (size_t at = 0; at < RUN; at++) {
        for (unsigned c = 0; c < 256; c++) {
            uint8_t *p = run_of('a', RUN), *stop = p + at;
            bool ascii = true, encoded = false;
            *stop = (uint8_t)c;
            CHECK(ff_http_scan_value(p, edge, &ascii) ==
                  (classes_of((int)c) & FF_OCTET_VALUE ? edge : stop));
            CHECK(ascii == (c < 0x80));
            CHECK(ff_http_scan_path(p, edge, &encoded) ==
                  (classes_of((int)c) & FF_OCTET_PATH ? edge : stop));
            CHECK(encoded == (c == '%'));
            CHECK(ff_http_scan_query(p, edge) ==
                  (classes_of((int)c) & FF_OCTET_TARGET ? edge : stop));
            CHECK(ff_http_scan_host(p, edge) == (classes_of((int)c) & FF_OCTET_HOST ? edge : stop));
            CHECK(ff_http_scan_name(p, edge) == (c > ' ' && c != ':' ? edge : stop));
        }
    }
}

TEST(what_lies_behind_the_stop_says_nothing_about_the_run)
{
    for (size_t at = 0; at < RUN - 1; at++) {
        uint8_t *p = run_of(0xff, RUN);
        bool ascii = true, encoded = false;
        memset(p, 'a', at);
        p[at] = '\r';
        CHECK(ff_http_scan_value(p, edge, &ascii) == p + at && ascii);
        memset(p + at + 1, '%', RUN - at - 1);
        CHECK(ff_http_scan_path(p, edge, &encoded) == p + at && !encoded);
    }
}

TEST(a_host_of_any_length_is_scanned_to_its_end_and_no_further)
{
    for (size_t n = 0; n <= RUN; n++) {
        for (size_t at = 0; at < n; at++) {
            uint8_t *p = run_of('a', n);
            p[at] = '+'; /* it may be there, but is rare */
            CHECK(ff_http_scan_host(p, edge) == edge);
            memset(p + at, ':', n - at);
            CHECK(ff_http_scan_host(p, edge) == p + at);
        }
    }
}

TEST(scans_of_nothing_stop_at_once)
{
    uint8_t *p = run_of('a', 0);
    bool ascii = true, encoded = false;
    CHECK(ff_http_scan_value(p, edge, &ascii) == edge && ascii);
    CHECK(ff_http_scan_path(p, edge, &encoded) == edge && !encoded);
    CHECK(ff_http_scan_query(p, edge) == edge);
    CHECK(ff_http_scan_host(p, edge) == edge);
    CHECK(ff_http_scan_name(p, edge) == edge);
}

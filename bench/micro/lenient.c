/* lenient: what of the parser's instructions is strictness: ff_http_request_parse beside a reader
 * that only looks for the delimiters, with the same results for the same clean heads.
 *
 * As codec.c does: each kind ROUNDS times, and next_kind() behind each. strictness.py reads it. */
#include "heads.h"
#include "http_field.h"
#include "http_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 1000 };

typedef int parser(const char *buf, size_t len, const struct ff_http_limits *limits,
                   struct ff_http_request *out);

static struct ff_http_request strictly, leniently;

__attribute__((noinline)) void next_kind(void)
{
    __asm__ volatile("");
}

static struct ff_http_slice slice(const char *buf, const char *from, const char *to)
{
    return (struct ff_http_slice){.at = (uint16_t)(from - buf), .len = (uint16_t)(to - from)};
}

/* The first `stop` from `p` on, or `end`; sets `*seen` when an octet that is `other`, or above 0x7f
 * when that is 0, stands before it. */
static inline const char *find(const char *p, const char *end, char stop, char other, bool *seen)
{
    unsigned found = 0;
#if FF_SCAN_SSE2
    for (; end - p >= 16; p += 16) {
        __m128i v = ff_http_load((const uint8_t *)p);
        unsigned here = ff_http_mask(ff_http_equal(v, stop));
        unsigned others = ff_http_mask(other ? ff_http_equal(v, other) : v);
        if (here) {
            *seen = (found | (others & (here ^ (here - 1)))) != 0;
            return p + __builtin_ctz(here);
        }
        found |= others;
    }
#endif
    for (; p < end && *p != stop; p++)
        found |= other ? *p == other : (uint8_t)*p >> 7;
    *seen = found != 0;
    return p;
}

/* "GET /path?query HTTP/1.1", and its end; NULL if it is not all there */
static const char *read_line(const char *buf, const char *end, struct ff_http_request *out)
{
    const char *to = buf;
    while (to < end && *to != ' ')
        to++;
    out->method = slice(buf, buf, to);
    out->is_head = to - buf == 4 && memcmp(buf, "HEAD", 4) == 0;
    out->is_connect = to - buf == 7 && memcmp(buf, "CONNECT", 7) == 0;
    const char *path = to + 1;
    to = find(path, end, ' ', '%', &out->path_encoded);
    if (end - to < 11)
        return NULL;
    out->target = out->path = slice(buf, path, to);
    const char *query = find(path, to, '?', '%', &out->path_encoded);
    if (query < to) {
        out->path = slice(buf, path, query);
        out->query = slice(buf, query + 1, to);
    }
    out->minor = to[8] != '0';
    out->keep_alive = out->minor > 0;
    return to + 9;
}

static int read_leniently(const char *buf, size_t len, const struct ff_http_limits *limits,
                          struct ff_http_request *out)
{
    struct ff_http_facts facts = {0};
    memset(out, 0, offsetof(struct ff_http_request, field));
    const char *end = buf + (len < limits->head ? len : limits->head);
    const char *p = read_line(buf, end, out), *to = p;
    if (p && p - buf > (ptrdiff_t)limits->line)
        return 414;
    for (; p && end - p >= 4; p = to) {
        p += 2;
        if (*p == '\r') {
            out->head_len = (uint32_t)(p + 2 - buf);
            return FF_HTTP_DONE;
        }
        struct ff_http_field *field = &out->field[out->fields];
        bool high;
        to = find(p, end, ':', '_', &field->underscore);
        field->name = slice(buf, p, to);
        field->known = (uint8_t)ff_http_field_find((const uint8_t *)p, (size_t)(to - p));
        const char *value = to;
        while (++value < end && (*value == ' ' || *value == '\t'))
            ;
        to = find(value, end, '\r', 0, &high);
        if (to - p > (ptrdiff_t)limits->field || out->fields++ == limits->fields)
            return 431;
        field->ascii = !high;
        field->value =
            slice(buf, value,
                  (const char *)ff_http_trim_space((const uint8_t *)value, (const uint8_t *)to));
        if (field->known == FF_FIELD_HOST)
            out->host = field->value;
        else if (ff_http_field_is_obeyed(field->known))
            ff_http_field_obey((const uint8_t *)buf, field, &facts, out);
    }
    return FF_HTTP_MORE;
}

static void count(parser *parse, const char *head, size_t len, struct ff_http_request *out)
{
    next_kind(); /* what was paid before is not counted */
    for (int i = 0; i < ROUNDS; i++)
        if (parse(head, len, &LIMITS, out) != FF_HTTP_DONE)
            exit(1);
    next_kind();
}

static void compare(const char *head, size_t len)
{
    count(ff_http_request_parse, head, len, &strictly);
    count(read_leniently, head, len, &leniently);
    if (memcmp(&strictly, &leniently, sizeof strictly) != 0) {
        fprintf(stderr, "lenient: it reads another request\n");
        exit(1);
    }
}

int main(void)
{
    compare(HELLO, sizeof HELLO - 1);
    compare(BROWSER, sizeof BROWSER - 1);
    return 0;
}

#include "http_request.h"

#include "http_field.h"
#include "http_scan.h"
#include "http_target.h"

#include <string.h>

enum { CRLF_LEN = 2, PARSE_AGAIN_FROM = 8192 };

/* The octets that the line at `p` may have, with its CRLF. Nothing behind `end` is looked at, so no
 * verdict depends on how much has arrived. */
struct line {
    const uint8_t *p, *end;
    int ran_out; /* what it means that the line goes on behind `end` */
};

static inline struct line open_line(const uint8_t *p, const uint8_t *end, uint32_t limit,
                                    int too_long)
{
    size_t window = (size_t)limit + CRLF_LEN;
    if ((size_t)(end - p) < window)
        return (struct line){.p = p, .end = end, .ran_out = FF_HTTP_MORE};
    return (struct line){.p = p, .end = p + window, .ran_out = too_long};
}

static inline struct ff_http_slice slice(const uint8_t *buf, const uint8_t *from, const uint8_t *to)
{
    return (struct ff_http_slice){.at = (uint16_t)(from - buf), .len = (uint16_t)(to - from)};
}

static inline bool begins(const struct line *line, const char *text, size_t n)
{
    return (size_t)(line->end - line->p) >= n && memcmp(line->p, text, n) == 0;
}

static inline int read_crlf(struct line *line)
{
    const uint8_t *p = line->p;
    if (begins(line, "\r\n", CRLF_LEN)) {
        line->p = p + CRLF_LEN;
        return FF_HTTP_DONE;
    }
    bool is_cut = p == line->end || (*p == '\r' && p + 1 == line->end);
    return is_cut ? line->ran_out : 400;
}

/* "HTTP/" DIGIT "." DIGIT, where 0 stands for a digit */
static int read_any_version(struct line *line, struct ff_http_request *out)
{
    static const char form[] = "HTTP/0.0";
    const uint8_t *version = line->p;
    for (const char *next = form; *next; next++, line->p++) {
        if (line->p == line->end)
            return line->ran_out;
        bool fits = *next == '0' ? *line->p >= '0' && *line->p <= '9' : *line->p == (uint8_t)*next;
        if (!fits)
            return 400;
    }
    int r = read_crlf(line);
    if (r != FF_HTTP_DONE)
        return r;
    out->minor = version[7] != '0';
    return version[5] == '1' ? FF_HTTP_DONE : 505;
}

static int read_version(struct line *line, struct ff_http_request *out)
{
    static const char usual[] = "HTTP/1.1\r\n";
    if (!begins(line, usual, sizeof usual - 1))
        return read_any_version(line, out);
    line->p += sizeof usual - 1;
    out->minor = 1;
    return FF_HTTP_DONE;
}

static inline int read_method(const uint8_t *buf, struct line *line, struct ff_http_request *out)
{
    const uint8_t *method = line->p;
    if (begins(line, "GET ", 4)) {
        line->p += 3;
    } else {
        line->p = ff_http_scan(method, line->end, FF_OCTET_TOKEN);
        if (line->p == line->end) /* RFC 9112 3: longer than any that is implemented */
            return line->ran_out == FF_HTTP_MORE ? FF_HTTP_MORE : 501;
        if (line->p == method || *line->p != ' ')
            return 400;
    }
    out->method = slice(buf, method, line->p);
    return FF_HTTP_DONE;
}

static int read_request_line(const uint8_t *buf, struct line *line, struct ff_http_request *out)
{
    int r = read_method(buf, line, out);
    if (r != FF_HTTP_DONE)
        return r;
    const uint8_t *target = line->p + 1; /* a copy, so that *line stays in registers */
    r = ff_http_target_read(buf, &target, line->end, out);
    if (r != FF_HTTP_DONE)
        return r == FF_HTTP_MORE ? line->ran_out : r;
    line->p = target + 1;
    return read_version(line, out);
}

/* A name that is known is a token, and needs no look at each octet. */
static inline int read_name(const uint8_t *buf, struct line *line, struct ff_http_field *field)
{
    const uint8_t *name = line->p, *colon = ff_http_scan_name(name, line->end);
    unsigned classes = 0;
    field->known = (uint8_t)ff_http_field_find(name, (size_t)(colon - name));
    if (field->known == FF_FIELD_OTHER)
        for (colon = name; colon < line->end && ff_http_is_octet(*colon, FF_OCTET_TOKEN); colon++)
            classes |= ff_http_octet[*colon];
    if (colon == line->end)
        return line->ran_out;
    if (colon == name || *colon != ':')
        return 400;
    field->name = slice(buf, name, colon);
    field->underscore = (classes & FF_OCTET_UNDERSCORE) != 0;
    line->p = colon + 1;
    return FF_HTTP_DONE;
}

static inline int read_field(const uint8_t *buf, struct line *line, struct ff_http_field *field)
{
    int r = read_name(buf, line, field);
    if (r != FF_HTTP_DONE)
        return r;
    const uint8_t *value = ff_http_skip_space(line->p, line->end);
    bool ascii = true;
    line->p = ff_http_scan_value(value, line->end, &ascii);
    const uint8_t *value_end = ff_http_trim_space(value, line->p);
    r = read_crlf(line);
    if (r != FF_HTTP_DONE)
        return r;
    field->value = slice(buf, value, value_end);
    field->ascii = ascii;
    return FF_HTTP_DONE;
}

/* Not the fields: only those counted are valid, and clearing them would cost more than parsing. */
static void clear(struct ff_http_request *out)
{
    memset(out, 0, offsetof(struct ff_http_request, field));
}

static int end_head(const uint8_t *buf, const uint8_t *end, const struct ff_http_facts *facts,
                    struct ff_http_request *out)
{
    if (out->minor > 0 && !facts->has_host)
        return 400;
    out->head_len = (uint32_t)(end - buf);
    return FF_HTTP_DONE;
}

static int read_fields(const uint8_t *buf, const uint8_t *p, const uint8_t *end,
                       const struct ff_http_limits *limits, struct ff_http_request *out)
{
    struct ff_http_facts facts = {.host_is_in_target = out->host.len > 0};
    uint32_t most = limits->fields < FF_HTTP_FIELDS_MAX ? limits->fields : FF_HTTP_FIELDS_MAX;
    out->keep_alive = out->minor > 0;
    for (;;) {
        struct line line = {.p = p, .end = end, .ran_out = FF_HTTP_MORE};
        if (p == end)
            return FF_HTTP_MORE;
        if (*p == '\r') {
            int r = read_crlf(&line);
            return r == FF_HTTP_DONE ? end_head(buf, line.p, &facts, out) : r;
        }
        if (out->fields == most)
            return 431;
        struct ff_http_field *field = &out->field[out->fields];
        line = open_line(p, end, limits->field, 431);
        int r = read_field(buf, &line, field);
        if (r == FF_HTTP_DONE && field->underscore && limits->refuse_underscores)
            return 400;
        if (r == FF_HTTP_DONE && ff_http_field_is_obeyed(field->known))
            r = ff_http_field_obey(buf, field, &facts, out);
        if (r != FF_HTTP_DONE)
            return r;
        out->fields++;
        p = line.p;
    }
}

static int read_head(const uint8_t *buf, const uint8_t *end, const struct ff_http_limits *limits,
                     struct ff_http_request *out)
{
    struct line line = {.p = buf, .end = end, .ran_out = FF_HTTP_MORE};
    while (line.p < end && *line.p == '\r') { /* RFC 9112 2.2: empty lines may come first */
        int r = read_crlf(&line);
        if (r != FF_HTTP_DONE)
            return r;
    }
    line = open_line(line.p, end, limits->line, 414);
    int r = read_request_line(buf, &line, out);
    return r == FF_HTTP_DONE ? read_fields(buf, line.p, end, limits, out) : r;
}

int ff_http_request_parse(const char *buf, size_t len, const struct ff_http_limits *limits,
                          struct ff_http_request *out)
{
    size_t most = limits->head < FF_HTTP_HEAD_MAX ? limits->head : FF_HTTP_HEAD_MAX;
    const uint8_t *octets = (const uint8_t *)buf;
    clear(out);
    int r = read_head(octets, octets + (len < most ? len : most), limits, out);
    return r == FF_HTTP_MORE && len >= most ? 431 : r;
}

/* `*seen` is twice the octets looked at, plus one once a line that is not empty was seen. */
bool ff_http_request_ready(const char *buf, size_t len, const struct ff_http_limits *limits,
                           size_t *seen)
{
    size_t at = *seen >> 1, before = at;
    bool begun = (*seen & 1) != 0;
    while (at < len) {
        const char *lf = memchr(buf + at, '\n', len - at);
        if (!lf)
            break;
        at = (size_t)(lf - buf);
        if (at == 0 || lf[-1] != '\r')
            return true;
        bool is_empty = at == 1 || lf[-2] == '\n';
        if (is_empty && begun)
            return true;
        begun = begun || !is_empty;
        at++;
    }
    *seen = len << 1 | begun;
    bool has_doubled = len >= PARSE_AGAIN_FROM && (len ^ before) > before;
    return has_doubled || len >= limits->head || len >= FF_HTTP_HEAD_MAX;
}

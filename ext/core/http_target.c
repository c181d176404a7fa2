#include "http_target.h"

#include "http_scan.h"

#include <arpa/inet.h>
#include <string.h>

enum { IPV6_TEXT_MAX = 45 };

static struct ff_http_slice slice(const uint8_t *buf, const uint8_t *from, const uint8_t *to)
{
    return (struct ff_http_slice){.at = (uint16_t)(from - buf), .len = (uint16_t)(to - from)};
}

/* "[" IPv6address "]" */
static int read_ipv6(const uint8_t **p, const uint8_t *end)
{
    const uint8_t *text = *p + 1, *close = text;
    while (close < end &&
           (*close == ':' || *close == '.' || ff_http_is_octet(*close, FF_OCTET_HEX)))
        close++;
    size_t n = (size_t)(close - text);
    if (n > IPV6_TEXT_MAX)
        return 400;
    if (close == end)
        return FF_HTTP_MORE;
    char copy[IPV6_TEXT_MAX + 1] = {0};
    struct in6_addr address;
    memcpy(copy, text, n);
    if (*close != ']' || inet_pton(AF_INET6, copy, &address) != 1)
        return 400;
    *p = close + 1;
    return FF_HTTP_DONE;
}

/* reg-name, which IPv4 addresses are too */
static int read_name(const uint8_t **p, const uint8_t *end)
{
    for (;;) {
        *p = ff_http_scan_host(*p, end);
        if (*p == end || **p != '%')
            return FF_HTTP_DONE;
        for (int digit = 1; digit <= 2; digit++) {
            if (*p + digit == end)
                return FF_HTTP_MORE;
            if (!ff_http_is_octet((*p)[digit], FF_OCTET_HEX))
                return 400;
        }
        *p += 3;
    }
}

struct authority {
    size_t host_len, port_len; /* port_len without the ":" */
};

/* uri-host [ ":" port ], each part possibly empty. FF_HTTP_DONE: `*p` is what can't belong to it,
 * or `end`. FF_HTTP_MORE: `end` cuts an address or a triplet. */
static int read_authority(const uint8_t **p, const uint8_t *end, struct authority *out)
{
    const uint8_t *host = *p;
    *out = (struct authority){0};
    int r = host < end && *host == '[' ? read_ipv6(p, end) : read_name(p, end);
    if (r != FF_HTTP_DONE)
        return r;
    out->host_len = (size_t)(*p - host);
    if (*p == end || **p != ':')
        return FF_HTTP_DONE;
    const uint8_t *port = *p + 1;
    *p = ff_http_skip_digits(port, end);
    out->port_len = (size_t)(*p - port);
    return FF_HTTP_DONE;
}

bool ff_http_is_any_host(const uint8_t *p, const uint8_t *end)
{
    struct authority authority;
    return read_authority(&p, end, &authority) == FF_HTTP_DONE && p == end;
}

static inline int end_target(const uint8_t *p, const uint8_t *end)
{
    if (p == end)
        return FF_HTTP_MORE;
    return *p == ' ' ? FF_HTTP_DONE : 400;
}

/* [ "?" query ] at `at`, and the end; `*p` is where it is. */
static inline int read_query(const uint8_t *buf, const uint8_t *at, const uint8_t **p,
                             const uint8_t *end, struct ff_http_request *out)
{
    if (at < end && *at == '?') {
        const uint8_t *query = at + 1;
        at = ff_http_scan_query(query, end);
        out->query = slice(buf, query, at);
    }
    *p = at;
    return end_target(at, end);
}

static inline int read_path(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                            struct ff_http_request *out)
{
    bool encoded = false;
    const uint8_t *path = *p, *behind = ff_http_scan_path(path, end, &encoded);
    out->path_encoded = encoded;
    out->path = slice(buf, path, behind);
    return read_query(buf, behind, p, end, out);
}

/* CONNECT host:port */
static int read_authority_form(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                               struct ff_http_request *out)
{
    const uint8_t *host = *p;
    struct authority authority;
    int r = read_authority(p, end, &authority);
    if (r == FF_HTTP_DONE)
        r = end_target(*p, end);
    if (r != FF_HTTP_DONE)
        return r;
    if (authority.host_len == 0 || authority.port_len == 0)
        return 400;
    out->host = slice(buf, host, *p);
    return FF_HTTP_DONE;
}

static int read_scheme(const uint8_t **p, const uint8_t *end, bool *is_https)
{
    static const char word[] = "http://";
    for (const char *next = word; *next; ++*p) {
        if (*p == end)
            return FF_HTTP_MORE;
        if (next == word + 4 && (**p | 0x20) == 's' && ((*p)[-1] | 0x20) == 'p') {
            *is_https = true;
            continue;
        }
        if (**p != (uint8_t)*next && (*next == ':' || *next == '/' || (**p | 0x20) != *next))
            return 400;
        next++;
    }
    return FF_HTTP_DONE;
}

static int read_absolute_form(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                              struct ff_http_request *out)
{
    int r = read_scheme(p, end, &out->is_https);
    if (r != FF_HTTP_DONE)
        return r;
    const uint8_t *host = *p;
    struct authority authority;
    r = read_authority(p, end, &authority);
    if (r != FF_HTTP_DONE || *p == end)
        return r == FF_HTTP_DONE ? FF_HTTP_MORE : r;
    if (authority.host_len == 0)
        return 400;
    out->host = slice(buf, host, *p);
    if (**p == '/')
        return read_path(buf, p, end, out);
    out->path = slice(buf, host - 1, host); /* no path means "/": borrow the last one of "://" */
    return read_query(buf, *p, p, end, out);
}

static bool is_method(const uint8_t *buf, const struct ff_http_request *req, const char *method)
{
    return req->method.len == strlen(method) &&
           memcmp(buf + req->method.at, method, req->method.len) == 0;
}

/* Apart, so that the usual form need not save registers for it. */
static __attribute__((noinline)) int read_other_form(const uint8_t *buf, const uint8_t **p,
                                                     const uint8_t *end,
                                                     struct ff_http_request *out)
{
    if (out->is_connect)
        return read_authority_form(buf, p, end, out);
    if (**p != '*')
        return read_absolute_form(buf, p, end, out);
    if (!is_method(buf, out, "OPTIONS"))
        return 400;
    out->path = slice(buf, *p, *p + 1);
    return end_target(++*p, end);
}

int ff_http_target_read(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                        struct ff_http_request *out)
{
    const uint8_t *target = *p;
    if (target == end)
        return FF_HTTP_MORE;
    out->is_head = is_method(buf, out, "HEAD");
    out->is_connect = is_method(buf, out, "CONNECT");
    bool is_origin_form = *target == '/' && !out->is_connect;
    int r = is_origin_form ? read_path(buf, p, end, out) : read_other_form(buf, p, end, out);
    out->target = slice(buf, target, *p);
    return r;
}

size_t ff_http_decode_path(const char *from, size_t n, char *to)
{
    const uint8_t *p = (const uint8_t *)from, *end = p + n;
    char *out = to;
    while (p < end) {
        const uint8_t *percent = memchr(p, '%', (size_t)(end - p));
        size_t run = (size_t)((percent ? percent : end) - p);
        memmove(out, p, run);
        p += run, out += run;
        if (!percent)
            break;
        if (end - p > 2 && ff_http_is_octet(p[1], FF_OCTET_HEX) &&
            ff_http_is_octet(p[2], FF_OCTET_HEX)) {
            *out++ = (char)(ff_http_hex(p[1]) << 4 | ff_http_hex(p[2]));
            p += 3;
        } else {
            *out++ = (char)*p++;
        }
    }
    return (size_t)(out - to);
}

#include "http_forwarded.h"

#include "http_field.h"
#include "http_scan.h"
#include "http_target.h"

#include <string.h>

enum { PORT_DIGITS_MAX = 5 };

/* The elements of the fields of one name, first to last or last to first, over all its lines;
 * empty ones are left out (RFC 9110 5.6.1). */
struct walk {
    const uint8_t *head;
    const struct ff_http_request *request;
    enum ff_http_field_name name;
    int line; /* of the field that [from, to) is left of */
    const uint8_t *from, *to;
};

static struct walk walk_over(const char *head, const struct ff_http_request *request,
                             enum ff_http_field_name name)
{
    return (struct walk){
        .head = (const uint8_t *)head, .request = request, .name = name, .line = request->fields};
}

/* The next element from the right, without the space around it; false at the end. */
static bool step_left(struct walk *walk, const uint8_t **p, const uint8_t **end)
{
    for (;;) {
        while (walk->from == walk->to) {
            if (--walk->line < 0)
                return false;
            const struct ff_http_field *field = &walk->request->field[walk->line];
            if (field->known != walk->name)
                continue;
            walk->from = walk->head + field->value.at;
            walk->to = walk->from + field->value.len;
        }
        const uint8_t *stop = walk->to, *start = stop;
        while (start > walk->from && start[-1] != ',')
            start--;
        walk->to = start > walk->from ? start - 1 : start; /* the comma goes, too */
        *p = ff_http_skip_space(start, stop);
        *end = ff_http_trim_space(*p, stop);
        if (*p < *end)
            return true;
    }
}

static void read_for(struct walk walk, const struct ff_networks *trusted, struct ff_peer *out)
{
    const uint8_t *p, *end;
    while (step_left(&walk, &p, &end) && ff_peer_read((const char *)p, (size_t)(end - p), out))
        if (!ff_networks_has(trusted, out))
            return;
}

static enum ff_scheme scheme_of(const uint8_t *p, const uint8_t *end)
{
    size_t n = (size_t)(end - p);
    if (ff_http_is_word(p, n, "https") || ff_http_is_word(p, n, "wss"))
        return FF_SCHEME_HTTPS;
    if (ff_http_is_word(p, n, "http") || ff_http_is_word(p, n, "ws"))
        return FF_SCHEME_HTTP;
    return FF_SCHEME_UNSAID;
}

static int read_proto(struct walk walk, uint8_t *out)
{
    const uint8_t *p, *end;
    while (step_left(&walk, &p, &end)) {
        enum ff_scheme scheme = scheme_of(p, end);
        if (scheme == FF_SCHEME_UNSAID || (*out != FF_SCHEME_UNSAID && *out != scheme))
            return 400;
        *out = (uint8_t)scheme;
    }
    return FF_HTTP_DONE;
}

/* 0 if it is none. */
static uint16_t port_of(const uint8_t *p, const uint8_t *end)
{
    uint32_t port = 0;
    if (end - p > PORT_DIGITS_MAX)
        return 0;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        port = port * 10 + (*p - (uint32_t)'0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* The colon before the port of a host, or its end. */
static const uint8_t *end_of_name(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *bracket = *p == '[' ? memchr(p, ']', (size_t)(end - p)) : NULL;
    const uint8_t *from = bracket ? bracket : p, *colon = memchr(from, ':', (size_t)(end - from));
    return colon ? colon : end;
}

static int read_host(struct walk walk, struct ff_http_forwarded *out)
{
    const uint8_t *p, *end;
    while (step_left(&walk, &p, &end)) {
        const uint8_t *before = walk.head + out->host.at, *colon = end_of_name(p, end);
        size_t n = (size_t)(end - p);
        if (!ff_http_is_host(p, end) || colon == p)
            return 400;
        if (out->host.len > 0 && (out->host.len != n || memcmp(before, p, n) != 0))
            return 400;
        out->host = (struct ff_http_slice){(uint16_t)(p - walk.head), (uint16_t)n};
        out->name = (struct ff_http_slice){out->host.at, (uint16_t)(colon - p)};
        if (end - colon > 1 && (out->port = port_of(colon + 1, end)) == 0)
            return 400;
    }
    return FF_HTTP_DONE;
}

/* It may differ from the port of the host, and is nearer to the truth then. */
static int read_port(struct walk walk, uint16_t *out)
{
    const uint8_t *p, *end;
    uint16_t said = 0;
    while (step_left(&walk, &p, &end)) {
        uint16_t port = port_of(p, end);
        if (port == 0 || (said != 0 && said != port))
            return 400;
        *out = said = port;
    }
    return FF_HTTP_DONE;
}

int ff_http_forwarded_read(const char *head, const struct ff_http_request *request,
                           const struct ff_networks *trusted, struct ff_http_forwarded *out)
{
    *out = (struct ff_http_forwarded){0};
    read_for(walk_over(head, request, FF_FIELD_X_FORWARDED_FOR), trusted, &out->client);
    int r = read_proto(walk_over(head, request, FF_FIELD_X_FORWARDED_PROTO), &out->scheme);
    if (r == FF_HTTP_DONE)
        r = read_host(walk_over(head, request, FF_FIELD_X_FORWARDED_HOST), out);
    if (r == FF_HTTP_DONE)
        r = read_port(walk_over(head, request, FF_FIELD_X_FORWARDED_PORT), &out->port);
    return r;
}

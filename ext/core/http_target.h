/* http_target: the request-target in its four forms, and hosts (RFC 9112 3.2, RFC 3986 3.2).
 *
 * Runs in:  lane. Pure.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_HTTP_TARGET_H
#define FF_HTTP_TARGET_H

#include "http_request.h"
#include "http_scan.h"

/* Reads the target at `*p` of the head at `buf` into `out`; `out->method` must be there.
 * FF_HTTP_DONE: `*p` is the space behind it. FF_HTTP_MORE: `end` came first. Or 400. */
int ff_http_target_read(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                        struct ff_http_request *out);

/* The same as ff_http_is_host, which is quicker for names and IPv4 addresses. */
bool ff_http_is_any_host(const uint8_t *p, const uint8_t *end);

/* Is [p, end) a Host value: uri-host [":" port], or empty? */
static inline bool ff_http_is_host(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *behind = ff_http_scan_host(p, end);
    if (behind < end && *behind == ':')
        behind = ff_http_skip_digits(behind + 1, end);
    return behind == end || ff_http_is_any_host(p, end); /* of addresses in brackets, and "%" */
}

#endif

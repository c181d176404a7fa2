/* http_target: the request-target in its four forms, and hosts (RFC 9112 3.2, RFC 3986 3.2).
 *
 * Runs in:  lane. Pure.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_HTTP_TARGET_H
#define FF_HTTP_TARGET_H

#include "http_request.h"

/* Reads the target at `*p` of the head at `buf` into `out`; `out->method` must be there.
 * FF_HTTP_DONE: `*p` is the space behind it. FF_HTTP_MORE: `end` came first. Or 400. */
int ff_http_target_read(const uint8_t *buf, const uint8_t **p, const uint8_t *end,
                        struct ff_http_request *out);

/* Is [p, end) a Host value: uri-host [":" port], or empty? */
bool ff_http_is_host(const uint8_t *p, const uint8_t *end);

#endif

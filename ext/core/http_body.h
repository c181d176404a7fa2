/* http_body: the framing of a request body: Content-Length or chunked (RFC 9112 6 and 7.1).
 *
 * Runs in:  lane. Pure: no I/O, no allocation, no clock.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_HTTP_BODY_H
#define FF_HTTP_BODY_H

#include "http_request.h"

struct ff_http_body {
    uint64_t left;    /* octets of the body (length) or of the open chunk (chunked) still to come */
    uint64_t decoded; /* octets of content given out so far */
    uint32_t overhead; /* octets of extensions and trailers not paid for by content behind them */
    uint8_t state;     /* where in the framing we are: private to http_body.c */
    uint8_t digits;    /* hexadecimal digits of the chunk size so far */
    uint16_t line;     /* octets of the current extension or trailer line so far */
};

/* Starts the body that `req` announces; one without a body is complete at once. */
void ff_http_body_start(struct ff_http_body *body, const struct ff_http_request *req);

/* Has the whole body been seen? */
bool ff_http_body_is_complete(const struct ff_http_body *body);

/* Decodes in place. In: `*n` raw octets at `buf` that follow what earlier calls took. Out: `*n`
 * octets of content at `buf`, and directly behind them `*rest` octets that belong to the next
 * request (only ever non-zero with FF_HTTP_DONE). FF_HTTP_MORE: the body goes on. FF_HTTP_DONE: it
 * ended. 400: the framing is broken. Strict: CRLF only, 1*16HEXDIG without sign or space,
 * extensions of token and quoted-string octets without space around them, trailers well-formed and
 * dropped. 413: a chunk's extensions exceed 256 octets, a trailer 4 KiB, or `overhead` 16 KiB. */
int ff_http_body_decode(struct ff_http_body *body, char *buf, size_t *n, size_t *rest);

#endif

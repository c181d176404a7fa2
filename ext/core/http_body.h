/* http_body: the framing of a request body: Content-Length or chunked (RFC 9112 6 and 7.1).
 *
 * Runs in:  lane. Pure: no I/O, no allocation, no clock.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_HTTP_BODY_H
#define FF_HTTP_BODY_H

#include "http_request.h"

/* 0: any. */
struct ff_http_body_limits {
    uint64_t content;  /* octets of content */
    uint32_t overhead; /* octets of extensions and trailers that no content pays for */
};

enum { FF_HTTP_BODY_NAME = 17 }; /* the longest name that no trailer may have */

struct ff_http_body {
    struct ff_http_body_limits limits;
    uint64_t left;    /* octets of the body (length) or of the open chunk (chunked) still to come */
    uint64_t decoded; /* octets of content given out so far */
    uint32_t overhead; /* octets of extensions and trailers not paid for by content behind them */
    uint8_t state;     /* where in the framing we are: private to http_body.c */
    uint8_t digits;    /* hexadecimal digits of the chunk size so far */
    uint16_t line;     /* octets of the current extension or trailer line so far */
    uint8_t name_len;  /* octets of the current trailer's name, as far as they fit */
    uint8_t name[FF_HTTP_BODY_NAME + 1];
};

/* Starts the body that `req` announces; one without a body is complete at once. FF_HTTP_DONE, or
 * 413: its length is beyond the limit. */
int ff_http_body_start(struct ff_http_body *body, const struct ff_http_request *req,
                       const struct ff_http_body_limits *limits);

/* Has the whole body been seen? */
bool ff_http_body_is_complete(const struct ff_http_body *body);

/* Decodes in place. In: `*n` raw octets at `buf` that follow what earlier calls took. Out: `*n`
 * octets of content at `buf`, and directly behind them `*rest` octets that belong to the next
 * request (only ever non-zero with FF_HTTP_DONE). FF_HTTP_MORE: the body goes on. FF_HTTP_DONE: it
 * ended. 400: the framing is broken. Strict: CRLF only, 1*16HEXDIG without sign or space,
 * extensions of token and quoted-string octets without space around them, trailers well-formed and
 * dropped, none of them called Content-Length, Transfer-Encoding or Host. 413: a chunk's extensions
 * exceed 256 octets, a trailer 4 KiB, or what all have together the limit of overhead; or the
 * content with the chunk that was announced exceeds its limit. */
int ff_http_body_decode(struct ff_http_body *body, char *buf, size_t *n, size_t *rest);

#endif

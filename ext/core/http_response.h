/* http_response: the head and framing of an HTTP/1.1 response (RFC 9110 6.6, 8.6, 15; RFC 9112).
 *
 * Runs in:  lane. Pure: it renders into a buffer that is lent to it; the caller does the I/O.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * Order of calls: start, field *, end_head, then for every part of the body: begin_part, the octets
 * themselves, end_part; then finish. The caller adds no octets beyond what begin_part allowed. */
#ifndef FF_HTTP_RESPONSE_H
#define FF_HTTP_RESPONSE_H

#include "buffer.h"
#include "http_request.h"

enum { FF_HTTP_DATE_LEN = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 5.6.7 */

/* Renders `unix_seconds` as IMF-fixdate, without a NUL. */
void ff_http_date(int64_t unix_seconds, char out[FF_HTTP_DATE_LEN]);

enum ff_http_framing {
    FF_FRAMING_NONE,    /* HEAD, 1xx, 204, 205, 304: no body may follow */
    FF_FRAMING_LENGTH,  /* Content-Length octets follow */
    FF_FRAMING_CHUNKED, /* chunks follow */
    FF_FRAMING_CLOSE    /* the body ends with the connection (HTTP/1.0, or TE impossible) */
};

struct ff_http_response {
    struct ff_buffer *out; /* borrowed */
    size_t mark;           /* octets that were in `out` before this response */
    uint64_t left;         /* octets of a LENGTH body still to come */
    uint64_t sent;         /* octets of content accepted so far */
    uint16_t status;
    uint8_t framing; /* enum ff_http_framing, known after end_head */
    bool request_is_head;
    bool request_is_1_0;
    bool keep_alive; /* may the connection go on after this response? known after end_head */
    bool has_date, has_server, has_length, wants_close, ended, has_trailers;
};

/* Starts a response whose status line is "HTTP/1.1 " + status ("200 OK": three digits, a space, a
 * reason of visible octets, spaces and obs-text). `keep_alive` is what the connection would like.
 * 0, -EINVAL (bad status), -ENOMEM. */
int ff_http_response_start(struct ff_http_response *r, struct ff_buffer *out,
                           const struct ff_http_request *req, bool keep_alive, const char *status,
                           size_t status_len);

/* Adds a field of the application's. 0; -EINVAL name is not a token or the value has CR, LF, NUL or
 * another control octet, or Content-Length is not 1*DIGIT or is repeated with another value; -EPERM
 * a hop-by-hop field (RFC 9110 7.6.1: Connection other than "close" or "keep-alive", Keep-Alive,
 * Proxy-Authenticate/-Authorization/-Connection, TE, Trailer, Transfer-Encoding, Upgrade); -ENOMEM.
 * "Connection: close" is taken as a wish (wants_close) and, like "keep-alive", not written here. */
int ff_http_response_field(struct ff_http_response *r, const char *name, size_t name_len,
                           const char *value, size_t value_len);

/* Ends the head: adds Date and Server ("fastfork") unless given, decides the framing and adds
 * Content-Length, Transfer-Encoding or Connection as needed. `body_len` is the exact length of the
 * whole body when the caller knows it, else -1. A given Content-Length wins over `body_len`.
 * 0 or -ENOMEM. */
int ff_http_response_end_head(struct ff_http_response *r, int64_t body_len,
                              const char date[FF_HTTP_DATE_LEN]);

/* Opens a part of `n` > 0 octets: puts a chunk line into `out` if needed and says how many of the
 * `n` octets the caller must send after what is in `out`: `n`; fewer when the body would grow
 * beyond its Content-Length (the rest must be dropped and is an error of the application); 0 when
 * no body may be sent (HEAD, 204, 205, 304). Negative: -ENOMEM. */
int64_t ff_http_response_begin_part(struct ff_http_response *r, size_t n);

/* What closes a part, for who sends it from where it is: the CRLF after a chunk, or "". */
const char *ff_http_response_part_end(const struct ff_http_response *r);

/* Closes a part in `out`. 0 or -ENOMEM. */
int ff_http_response_end_part(struct ff_http_response *r);

/* Adds a field behind the last chunk (RFC 9112 7.1.2); nothing happens unless the body is chunked:
 * trailers may be dropped. 0; -EINVAL or -EPERM as of a field, the latter also for what frames,
 * routes or dates a message (RFC 9110 6.5.1); -ENOMEM. */
int ff_http_response_trailer(struct ff_http_response *r, const char *name, size_t name_len,
                             const char *value, size_t value_len);

/* Ends the body. 0; -EMSGSIZE when a Content-Length body is short (the caller must cut the
 * connection, keep_alive is off); -ENOMEM. */
int ff_http_response_finish(struct ff_http_response *r);

/* The kinds of refusals, from 0: which one has `status` (those without a page of their own: as
 * 500), and the status of one, 0 beyond the last. */
size_t ff_http_refusal_kind(int status);
int ff_http_refusal_status(size_t kind);

/* A whole answer by the server itself ("HTTP/1.1 400 Bad Request", small text body, Connection:
 * close) appended to `out`; `status` as the parsers give it. No body if `is_head`. 0 or -ENOMEM. */
int ff_http_refusal(struct ff_buffer *out, int status, bool is_head,
                    const char date[FF_HTTP_DATE_LEN]);

#endif

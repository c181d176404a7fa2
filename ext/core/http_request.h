/* http_request: the head of an HTTP/1.x request, read strictly (RFC 9112 2, 3, 5, 6; RFC 9110 5).
 *
 * Runs in:  lane. Pure: no I/O, no allocation, no clock.
 * Blocks:   never.
 * Owns:     nothing. Results are offsets into the caller's bytes, valid as long as those bytes. */
#ifndef FF_HTTP_REQUEST_H
#define FF_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FF_HTTP_FIELDS_MAX = 128, FF_HTTP_HEAD_MAX = 65535 };

/* What a parser says. Any other value (>= 400) is the HTTP status to refuse with. */
enum ff_http_verdict { FF_HTTP_MORE = 0, FF_HTTP_DONE = 1 };

/* Fields that the server itself or a binding cares about; the rest are FF_FIELD_OTHER. The order is
 * the index into a binding's table of interned names, so add at the end. */
enum ff_http_field_name {
    FF_FIELD_OTHER,
    FF_FIELD_ACCEPT,
    FF_FIELD_ACCEPT_ENCODING,
    FF_FIELD_ACCEPT_LANGUAGE,
    FF_FIELD_AUTHORIZATION,
    FF_FIELD_CACHE_CONTROL,
    FF_FIELD_CONNECTION,
    FF_FIELD_CONTENT_LENGTH,
    FF_FIELD_CONTENT_TYPE,
    FF_FIELD_COOKIE,
    FF_FIELD_EXPECT,
    FF_FIELD_HOST,
    FF_FIELD_IF_MODIFIED_SINCE,
    FF_FIELD_IF_NONE_MATCH,
    FF_FIELD_ORIGIN,
    FF_FIELD_PROXY, /* never shown to an application: httpoxy, CVE-2016-5385 */
    FF_FIELD_REFERER,
    FF_FIELD_SEC_FETCH_DEST,
    FF_FIELD_SEC_FETCH_MODE,
    FF_FIELD_SEC_FETCH_SITE,
    FF_FIELD_SEC_FETCH_USER,
    FF_FIELD_TE,
    FF_FIELD_TRANSFER_ENCODING,
    FF_FIELD_UPGRADE,
    FF_FIELD_UPGRADE_INSECURE_REQUESTS,
    FF_FIELD_USER_AGENT,
    FF_FIELD_X_FORWARDED_FOR,
    FF_FIELD_X_FORWARDED_PROTO,
    FF_FIELD_X_REQUESTED_WITH,
    FF_FIELD_X_FORWARDED_HOST,
    FF_FIELD_X_FORWARDED_PORT,
    FF_FIELD_COUNT
};

/* The lower-case spelling of a known field ("" for FF_FIELD_OTHER); static storage. */
const char *ff_http_field_spelling(enum ff_http_field_name name);

struct ff_http_slice {
    uint16_t at, len;
};

struct ff_http_field {
    struct ff_http_slice name, value; /* value without surrounding whitespace */
    uint8_t known;                    /* enum ff_http_field_name */
    bool ascii;      /* the value has no obs-text (octets above 0x7e, RFC 9110 5.5) */
    bool underscore; /* the name has a "_": CGI can't tell it from "-", so it is dropped */
};

/* Limits in octets and counts; all at most what the u16 offsets can hold. */
struct ff_http_limits {
    uint32_t head;           /* whole head, from the first octet to the empty line */
    uint32_t line;           /* request line without CRLF */
    uint32_t field;          /* one field line without CRLF */
    uint32_t fields;         /* <= FF_HTTP_FIELDS_MAX */
    bool refuse_underscores; /* a field with "_" in its name is a mistake */
};

struct ff_http_request {
    uint32_t head_len;           /* octets of the head with the empty lines before and behind it */
    struct ff_http_slice method; /* a token, as sent */
    struct ff_http_slice target; /* the request-target as sent */
    struct ff_http_slice path;   /* still percent-encoded; "*" as sent; empty for authority-form */
    struct ff_http_slice query;  /* behind "?", without it; empty if none */
    struct ff_http_slice host;   /* of the target if it names one, else the value of Host */
    uint8_t minor;               /* HTTP/1.minor: 0, or 1 (a higher minor counts as 1) */
    bool path_encoded;           /* path has a "%" */
    bool is_head, is_connect;
    bool is_https;        /* the target says so, in absolute-form */
    bool keep_alive;      /* what the client asked for (RFC 9112 9.3) */
    bool expect_continue; /* "Expect: 100-continue" on HTTP/1.1 */
    bool has_length;      /* Content-Length present */
    bool is_forwarded;    /* some field of http_forwarded.h is there */
    bool chunked;         /* Transfer-Encoding: chunked; never together with has_length */
    uint64_t length;      /* Content-Length, 0 if absent */
    uint16_t fields;
    struct ff_http_field field[FF_HTTP_FIELDS_MAX];
};

/* Reads one request head from `buf`. FF_HTTP_DONE: `out` is filled. FF_HTTP_MORE: what is there is
 * a clean beginning, come back with more. Otherwise the status to refuse with: 400 syntax, framing,
 * Host, or two Content-Types; 414 line too long; 417 unknown expectation; 431 fields or head too
 * large, or too many fields; 501 unknown transfer coding, or a method that no line can hold; 505 a
 * major version that is not 1. A mistake is reported
 * with its octet, or for what a value means with the end of its line, and however the octets arrive
 * it is the same. */
int ff_http_request_parse(const char *buf, size_t len, const struct ff_http_limits *limits,
                          struct ff_http_request *out);

/* Is parsing again worth it? After FF_HTTP_MORE keep `*seen` (0 at first, else private) and ask
 * this with the grown buffer: true when a line ended that completes the head, when a LF stands
 * without its CR (so that the parser can refuse it), or when `limits->head` is reached; from 8 KiB
 * on also each time the head doubles, for lines without end. Keeps heads that arrive octet by octet
 * O(n). */
bool ff_http_request_ready(const char *buf, size_t len, const struct ff_http_limits *limits,
                           size_t *seen);

/* Undoes percent-encoding of `n` octets at `from` into `to` (as large as `n`; may be the same
 * memory). Malformed triplets stay as they are. Returns the octets written. RFC 3986 2.1. */
size_t ff_http_decode_path(const char *from, size_t n, char *to);

#endif

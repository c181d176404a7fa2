#include "http_response.h"

#include "http_field.h"
#include "http_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH_DIGITS_MAX = 19, NUMBER_MAX = 20, CHUNK_LINE_MAX = 18, OWN_FIELDS_MAX = 192 };

/* Fields that the server must know because it writes them itself or because they are not the
 * application's to send. */
static const struct own_field {
    uint8_t len;
    enum { HOP_BY_HOP, CONNECTION, CONTENT_LENGTH, DATE, SERVER } kind;
    const char *name;
} own_fields[] = {
#define NAME(text, kind) {sizeof(text) - 1, kind, text}
    NAME("content-length", CONTENT_LENGTH),
    NAME("date", DATE),
    NAME("server", SERVER),
    NAME("connection", CONNECTION),
    NAME("keep-alive", HOP_BY_HOP),
    NAME("proxy-authenticate", HOP_BY_HOP),
    NAME("proxy-authorization", HOP_BY_HOP),
    NAME("proxy-connection", HOP_BY_HOP),
    NAME("te", HOP_BY_HOP),
    NAME("trailer", HOP_BY_HOP),
    NAME("transfer-encoding", HOP_BY_HOP),
    NAME("upgrade", HOP_BY_HOP),
#undef NAME
};

static const struct own_field *find_own_field(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof(own_fields) / sizeof(*own_fields); i++) {
        const struct own_field *own = &own_fields[i];
        if (own->len == n && own->name[0] == (name[0] | 0x20) && /* most names differ here */
            ff_http_is_word((const uint8_t *)name, n, own->name))
            return own;
    }
    return NULL;
}

static inline char *put(char *to, const char *bytes, size_t n)
{
    memcpy(to, bytes, n);
    return to + n;
}

#define PUT(to, text) put(to, text, sizeof(text) - 1)

static inline char *put_decimal(char *to, uint64_t number)
{
    char digits[NUMBER_MAX], *first = digits + NUMBER_MAX;
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return put(to, first, (size_t)(digits + NUMBER_MAX - first));
}

static inline char *put_hex(char *to, uint64_t number)
{
    char digits[NUMBER_MAX], *first = digits + NUMBER_MAX;
    do
        *--first = "0123456789abcdef"[number & 15];
    while ((number >>= 4) > 0);
    return put(to, first, (size_t)(digits + NUMBER_MAX - first));
}

static inline void added_up_to(struct ff_buffer *out, const char *end)
{
    out->end = (size_t)(end - out->data);
}

/* 0 if `status` is none. */
static unsigned read_status(const char *status, size_t n)
{
    if (n < 4 || status[0] < '1' || status[0] > '9' || status[3] != ' ')
        return 0;
    for (size_t i = 1; i < 3; i++)
        if (status[i] < '0' || status[i] > '9')
            return 0;
    for (size_t i = 4; i < n; i++)
        if (status[i] == '\t' || !ff_http_is_octet((uint8_t)status[i], FF_OCTET_VALUE))
            return 0;
    return (unsigned)(status[0] - '0') * 100 + (unsigned)(status[1] - '0') * 10 +
           (unsigned)(status[2] - '0');
}

int ff_http_response_start(struct ff_http_response *r, struct ff_buffer *out,
                           const struct ff_http_request *req, bool keep_alive, const char *status,
                           size_t status_len)
{
    unsigned code = read_status(status, status_len);
    if (code == 0)
        return -EINVAL;
    size_t mark = ff_buffer_len(out);
    int e = ff_buffer_reserve(out, status_len + 11);
    if (e < 0)
        return e;
    *r = (struct ff_http_response){
        .out = out,
        .mark = mark,
        .status = (uint16_t)code,
        .request_is_head = req->is_head,
        .request_is_1_0 = req->minor == 0,
        .keep_alive = keep_alive && req->keep_alive,
    };
    char *to = PUT(ff_buffer_tail(out), "HTTP/1.1 ");
    added_up_to(out, PUT(put(to, status, status_len), "\r\n"));
    return 0;
}

static bool is_well_formed(const char *name, size_t name_len, const char *value, size_t value_len)
{
    const uint8_t *n = (const uint8_t *)name, *v = (const uint8_t *)value;
    bool ascii = true; /* not asked for */
    return name_len > 0 && ff_http_scan(n, n + name_len, FF_OCTET_TOKEN) == n + name_len &&
           (value_len == 0 || ff_http_scan_value(v, v + value_len, &ascii) == v + value_len);
}

static int take_length(struct ff_http_response *r, const char *value, size_t n)
{
    uint64_t length = 0;
    if (n == 0 || n > LENGTH_DIGITS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -EINVAL;
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (r->has_length && r->left != length)
        return -EINVAL;
    r->has_length = true;
    r->left = length;
    return 0;
}

static int take_connection(struct ff_http_response *r, const char *value, size_t n)
{
    const uint8_t *p = (const uint8_t *)value, *end = p + n;
    p = ff_http_skip_space(p, end);
    size_t len = (size_t)(ff_http_trim_space(p, end) - p);
    if (ff_http_is_word(p, len, "close"))
        r->wants_close = true;
    else if (!ff_http_is_word(p, len, "keep-alive"))
        return -EPERM;
    return 0;
}

static int write_field(struct ff_buffer *out, const char *name, size_t name_len, const char *value,
                       size_t value_len)
{
    int e = ff_buffer_reserve(out, name_len + value_len + 4);
    if (e < 0)
        return e;
    char *to = PUT(put(ff_buffer_tail(out), name, name_len), ": ");
    if (value_len > 0)
        to = put(to, value, value_len);
    added_up_to(out, PUT(to, "\r\n"));
    return 0;
}

int ff_http_response_field(struct ff_http_response *r, const char *name, size_t name_len,
                           const char *value, size_t value_len)
{
    if (!is_well_formed(name, name_len, value, value_len))
        return -EINVAL;
    const struct own_field *own = find_own_field(name, name_len);
    if (own) {
        switch (own->kind) {
        case HOP_BY_HOP:
            return -EPERM;
        case CONNECTION:
            return take_connection(r, value, value_len);
        case CONTENT_LENGTH: /* written by end_head, which knows whether it may be */
            return take_length(r, value, value_len);
        case DATE:
            r->has_date = true;
            break;
        case SERVER:
            r->has_server = true;
            break;
        }
    }
    return write_field(r->out, name, name_len, value, value_len);
}

/* RFC 9110 8.6 and 15, RFC 9112 6. Says whether Content-Length is to be written, with `left`. */
static bool choose_framing(struct ff_http_response *r, int64_t body_len)
{
    bool is_bare = r->status < 200 || r->status == 204;
    r->framing = FF_FRAMING_NONE;
    if (is_bare || r->status == 304)
        return r->has_length && !is_bare;
    if (r->status == 205) { /* RFC 9110 15.3.6: no content, and it has to say so */
        r->has_length = true;
        r->left = 0;
        return true;
    }
    /* An empty body is how an application answers HEAD: it says nothing about the answer to GET. */
    if (!r->has_length && body_len >= (r->request_is_head ? 1 : 0)) {
        r->has_length = true;
        r->left = (uint64_t)body_len;
    }
    if (r->request_is_head)
        return r->has_length;
    r->framing = r->has_length       ? FF_FRAMING_LENGTH
                 : r->request_is_1_0 ? FF_FRAMING_CLOSE
                                     : FF_FRAMING_CHUNKED;
    return r->has_length;
}

int ff_http_response_end_head(struct ff_http_response *r, int64_t body_len,
                              const char date[FF_HTTP_DATE_LEN])
{
    int e = ff_buffer_reserve(r->out, OWN_FIELDS_MAX);
    if (e < 0)
        return e;
    char *to = ff_buffer_tail(r->out);
    if (!r->has_date)
        to = PUT(put(PUT(to, "Date: "), date, FF_HTTP_DATE_LEN), "\r\n");
    if (!r->has_server)
        to = PUT(to, "Server: fastfork\r\n");
    if (choose_framing(r, body_len))
        to = PUT(put_decimal(PUT(to, "Content-Length: "), r->left), "\r\n");
    if (r->framing == FF_FRAMING_CHUNKED)
        to = PUT(to, "Transfer-Encoding: chunked\r\n");
    r->keep_alive = r->keep_alive && !r->wants_close && r->framing != FF_FRAMING_CLOSE;
    if (!r->keep_alive)
        to = PUT(to, "Connection: close\r\n");
    else if (r->request_is_1_0)
        to = PUT(to, "Connection: keep-alive\r\n");
    added_up_to(r->out, PUT(to, "\r\n"));
    return 0;
}

int64_t ff_http_response_begin_part(struct ff_http_response *r, size_t n)
{
    if (r->framing == FF_FRAMING_NONE)
        return 0;
    if (r->framing == FF_FRAMING_LENGTH) {
        n = r->left < n ? (size_t)r->left : n;
        r->left -= n;
    } else if (r->framing == FF_FRAMING_CHUNKED) {
        int e = ff_buffer_reserve(r->out, CHUNK_LINE_MAX);
        if (e < 0)
            return e;
        added_up_to(r->out, PUT(put_hex(ff_buffer_tail(r->out), n), "\r\n"));
    }
    r->sent += n;
    return (int64_t)n;
}

const char *ff_http_response_part_end(const struct ff_http_response *r)
{
    return r->framing == FF_FRAMING_CHUNKED ? "\r\n" : "";
}

int ff_http_response_end_part(struct ff_http_response *r)
{
    return r->framing == FF_FRAMING_CHUNKED ? ff_buffer_append(r->out, "\r\n", 2) : 0;
}

int ff_http_response_trailer(struct ff_http_response *r, const char *name, size_t name_len,
                             const char *value, size_t value_len)
{
    if (!is_well_formed(name, name_len, value, value_len))
        return -EINVAL;
    if (find_own_field(name, name_len) || ff_http_is_word((const uint8_t *)name, name_len, "host"))
        return -EPERM;
    if (r->framing != FF_FRAMING_CHUNKED)
        return 0;
    int e = r->has_trailers ? 0 : ff_buffer_append(r->out, "0\r\n", 3);
    if (e < 0)
        return e;
    r->has_trailers = true;
    return write_field(r->out, name, name_len, value, value_len);
}

int ff_http_response_finish(struct ff_http_response *r)
{
    if (r->ended)
        return 0;
    if (r->framing == FF_FRAMING_CHUNKED) {
        const char *end = r->has_trailers ? "\r\n" : "0\r\n\r\n";
        int e = ff_buffer_append(r->out, end, strlen(end));
        if (e < 0)
            return e;
    }
    r->ended = true;
    if (r->framing == FF_FRAMING_LENGTH && r->left > 0) {
        r->keep_alive = false;
        return -EMSGSIZE;
    }
    return 0;
}

static const struct refusal {
    int status;
    const char *reason, *text;
} refusals[] = {
    {400, "Bad Request", "The request is not well-formed HTTP/1.1."},
    {408, "Request Timeout", "The request did not arrive in time."},
    {413, "Content Too Large", "The body of the request is too large, or its framing is."},
    {414, "URI Too Long", "The first line of the request is too long."},
    {417, "Expectation Failed", "The only expectation known here is 100-continue."},
    {421, "Misdirected Request", "Requests for https are only taken over TLS."},
    {431, "Request Header Fields Too Large", "The request has too many or too large fields."},
    {501, "Not Implemented", "The server does not know the method or the transfer coding."},
    {502, "Bad Gateway", "The worker that had the request ended before it answered."},
    {503, "Service Unavailable", "The server can't serve the request now."},
    {504, "Gateway Timeout", "The application did not answer in time."},
    {505, "HTTP Version Not Supported", "The only version spoken here is HTTP/1.x."},
    {507, "Insufficient Storage", "There is no room to keep the body of the request."},
    {500, "Internal Server Error", "The application failed to answer the request."},
};

enum { REFUSALS = sizeof(refusals) / sizeof(*refusals) };

size_t ff_http_refusal_kind(int status)
{
    for (size_t kind = 0; kind < REFUSALS - 1; kind++)
        if (refusals[kind].status == status)
            return kind;
    return REFUSALS - 1;
}

int ff_http_refusal_status(size_t kind)
{
    return kind < REFUSALS ? refusals[kind].status : 0;
}

int ff_http_refusal(struct ff_buffer *out, int status, bool is_head,
                    const char date[FF_HTTP_DATE_LEN])
{
    const struct refusal *refusal = &refusals[ff_http_refusal_kind(status)];
    char text[512];
    int body = snprintf(NULL, 0, "%s\n", refusal->text);
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %d %s\r\n"
                     "Date: %.*s\r\n"
                     "Server: fastfork\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %d\r\n"
                     "Connection: close\r\n\r\n"
                     "%s\n",
                     refusal->status, refusal->reason, (int)FF_HTTP_DATE_LEN, date, body,
                     refusal->text);
    return ff_buffer_append(out, text, (size_t)(is_head ? n - body : n));
}

struct day {
    unsigned year, month, day; /* month from 0, day from 1 */
};

/* The Gregorian calendar from day 0 = 1 January 1970. */
static struct day day_of(unsigned days)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct day at = {.year = 1970, .day = days};
    for (;;) {
        bool is_leap = (at.year % 4 == 0 && at.year % 100 != 0) || at.year % 400 == 0;
        if (at.day < 365u + is_leap) {
            while (at.day >= lengths[at.month] + (unsigned)(at.month == 1 && is_leap)) {
                at.day -= lengths[at.month] + (unsigned)(at.month == 1 && is_leap);
                at.month++;
            }
            at.day++;
            return at;
        }
        at.day -= 365u + is_leap;
        at.year++;
    }
}

static void put_two(char *to, unsigned number)
{
    to[0] = (char)('0' + number / 10 % 10);
    to[1] = (char)('0' + number % 10);
}

void ff_http_date(int64_t unix_seconds, char out[FF_HTTP_DATE_LEN])
{
    static const int64_t last = 253402300799; /* 9999-12-31 23:59:59: four digits hold no more */
    int64_t at = unix_seconds < 0 ? 0 : unix_seconds > last ? last : unix_seconds;
    unsigned days = (unsigned)(at / 86400), seconds = (unsigned)(at % 86400);
    struct day day = day_of(days);
    memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", FF_HTTP_DATE_LEN);
    memcpy(out, &"ThuFriSatSunMonTueWed"[days % 7 * 3], 3);
    put_two(out + 5, day.day);
    memcpy(out + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[day.month * 3], 3);
    put_two(out + 12, day.year / 100);
    put_two(out + 14, day.year % 100);
    put_two(out + 17, seconds / 3600);
    put_two(out + 20, seconds / 60 % 60);
    put_two(out + 23, seconds % 60);
}

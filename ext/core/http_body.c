#include "http_body.h"

#include "http_field.h"
#include "http_scan.h"

#include <string.h>

enum { SIZE_DIGITS_MAX = 16, EXTENSIONS_MAX = 256, TRAILER_MAX = 4096 };

/* What comes next. The names in capitals are those of RFC 9112 7.1. */
enum state {
    ENDED,
    LENGTH,         /* the rest of a body with Content-Length */
    SIZE,           /* chunk-size: a digit, or what may follow the digits */
    EXT_NAME_FIRST, /* chunk-ext-name, at least one octet */
    EXT_NAME,
    EXT_VALUE_FIRST, /* chunk-ext-val: a token or a quoted-string */
    EXT_VALUE,
    EXT_QUOTED,
    EXT_QUOTED_PAIR,
    EXT_QUOTED_END, /* the quote was closed */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* field-name, or the empty line that ends the body */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF
};

int ff_http_body_start(struct ff_http_body *body, const struct ff_http_request *req,
                       const struct ff_http_body_limits *limits)
{
    *body = (struct ff_http_body){.state = ENDED, .limits = *limits};
    if (req->chunked)
        body->state = SIZE;
    else if (req->length > 0)
        body->state = LENGTH, body->left = req->length;
    return limits->content > 0 && body->left > limits->content ? 413 : FF_HTTP_DONE;
}

bool ff_http_body_is_complete(const struct ff_http_body *body)
{
    return body->state == ENDED;
}

static int go(struct ff_http_body *body, enum state state)
{
    body->state = (uint8_t)state;
    return FF_HTTP_MORE;
}

static int read_size(struct ff_http_body *body, uint8_t c)
{
    if (ff_http_is_octet(c, FF_OCTET_HEX)) {
        if (body->digits == SIZE_DIGITS_MAX)
            return 400;
        body->digits++;
        body->left = body->left << 4 | ff_http_hex(c);
        return FF_HTTP_MORE;
    }
    if (body->digits == 0 || (c != '\r' && c != ';'))
        return 400;
    body->digits = 0;
    body->line = 0;
    return go(body, c == ';' ? EXT_NAME_FIRST : SIZE_LF);
}

/* Behind a name, a value or a closed quote: the next extension, or the end of the line. */
static int read_ext_end(struct ff_http_body *body, uint8_t c)
{
    if (c != ';' && c != '\r')
        return 400;
    return go(body, c == ';' ? EXT_NAME_FIRST : SIZE_LF);
}

/* RFC 9110 5.6.4 */
static int read_ext_quoted(struct ff_http_body *body, uint8_t c)
{
    if (!ff_http_is_octet(c, FF_OCTET_VALUE))
        return 400;
    if (body->state == EXT_QUOTED_PAIR)
        return go(body, EXT_QUOTED);
    return go(body, c == '"' ? EXT_QUOTED_END : c == '\\' ? EXT_QUOTED_PAIR : EXT_QUOTED);
}

static int read_ext(struct ff_http_body *body, uint8_t c)
{
    bool is_token = ff_http_is_octet(c, FF_OCTET_TOKEN);
    switch ((enum state)body->state) {
    case EXT_NAME_FIRST:
        return is_token ? go(body, EXT_NAME) : 400;
    case EXT_NAME:
        if (c == '=')
            return go(body, EXT_VALUE_FIRST);
        return is_token ? FF_HTTP_MORE : read_ext_end(body, c);
    case EXT_VALUE_FIRST:
        if (c == '"')
            return go(body, EXT_QUOTED);
        return is_token ? go(body, EXT_VALUE) : 400;
    case EXT_VALUE:
        return is_token ? FF_HTTP_MORE : read_ext_end(body, c);
    case EXT_QUOTED_END:
        return read_ext_end(body, c);
    default:
        return read_ext_quoted(body, c);
    }
}

/* A chunk is announced: is there room for it? */
static int begin_chunk(struct ff_http_body *body)
{
    uint64_t most = body->limits.content;
    if (most > 0 && body->left > most - body->decoded)
        return 413;
    return go(body, body->left > 0 ? DATA : TRAILER_FIRST);
}

static int read_trailer_name(struct ff_http_body *body, uint8_t c)
{
    if (body->name_len < sizeof(body->name))
        body->name[body->name_len++] = c;
    return ff_http_is_octet(c, FF_OCTET_TOKEN) ? go(body, TRAILER_NAME) : 400;
}

/* Too late for these: what they rule is over (RFC 9110 6.5.1), and a reader that merges trailers
 * into the head would see another message than we do. */
static int end_trailer_name(struct ff_http_body *body)
{
    enum ff_http_field_name name = ff_http_field_find(body->name, body->name_len);
    bool is_forbidden = name == FF_FIELD_CONTENT_LENGTH || name == FF_FIELD_TRANSFER_ENCODING ||
                        name == FF_FIELD_HOST;
    return is_forbidden ? 400 : go(body, TRAILER_VALUE);
}

static int read_trailer(struct ff_http_body *body, uint8_t c)
{
    switch ((enum state)body->state) {
    case TRAILER_FIRST:
        body->line = 0;
        body->name_len = 0;
        return c == '\r' ? go(body, LAST_LF) : read_trailer_name(body, c);
    case TRAILER_NAME:
        return c == ':' ? end_trailer_name(body) : read_trailer_name(body, c);
    case TRAILER_VALUE:
        if (c == '\r')
            return go(body, TRAILER_LF);
        return ff_http_is_octet(c, FF_OCTET_VALUE) ? FF_HTTP_MORE : 400;
    default: /* TRAILER_LF */
        return c == '\n' ? go(body, TRAILER_FIRST) : 400;
    }
}

/* What no content needs is bounded: a client must not keep us busy for nothing (CVE-2023-39326). */
static int charge(struct ff_http_body *body, uint16_t line_max)
{
    body->line++;
    body->overhead++;
    uint32_t most = body->limits.overhead;
    return body->line > line_max || (most > 0 && body->overhead > most) ? 413 : FF_HTTP_MORE;
}

/* One octet of chunked framing. */
static int read_framing(struct ff_http_body *body, uint8_t c)
{
    enum state state = body->state;
    int r;
    switch (state) {
    case SIZE:
        return read_size(body, c);
    case SIZE_LF:
        return c == '\n' ? begin_chunk(body) : 400;
    case DATA_CR:
        return c == '\r' ? go(body, DATA_LF) : 400;
    case DATA_LF:
        return c == '\n' ? go(body, SIZE) : 400;
    case LAST_LF:
        return c == '\n' ? go(body, ENDED) : 400;
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
        r = read_trailer(body, c);
        return r == FF_HTTP_MORE ? charge(body, TRAILER_MAX) : r;
    default:
        r = read_ext(body, c);
        return r == FF_HTTP_MORE ? charge(body, EXTENSIONS_MAX) : r;
    }
}

/* Counts up to `n` octets of content and says how many there were before the chunk or body ended.
 * */
static size_t take_content(struct ff_http_body *body, size_t n)
{
    size_t run = body->left < n ? (size_t)body->left : n;
    body->left -= run;
    body->decoded += run;
    body->overhead -= body->overhead < run ? body->overhead : (uint32_t)run;
    if (body->left == 0)
        body->state = body->state == LENGTH ? ENDED : DATA_CR;
    return run;
}

int ff_http_body_decode(struct ff_http_body *body, char *buf, size_t *n, size_t *rest)
{
    size_t in = 0, out = 0, end = *n;
    int r = FF_HTTP_MORE;
    while (in < end && body->state != ENDED && r == FF_HTTP_MORE) {
        if (body->state == DATA || body->state == LENGTH) {
            size_t run = take_content(body, end - in);
            if (out != in)
                memmove(buf + out, buf + in, run);
            in += run, out += run;
        } else {
            r = read_framing(body, (uint8_t)buf[in++]);
        }
    }
    *n = out;
    *rest = 0;
    if (r != FF_HTTP_MORE || body->state != ENDED)
        return r;
    *rest = end - in;
    if (in != out && in < end)
        memmove(buf + out, buf + in, end - in);
    return FF_HTTP_DONE;
}

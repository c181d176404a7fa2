#include "http_field.h"

#include "http_scan.h"
#include "http_target.h"

#include <string.h>

enum { LONGEST_NAME = 25, LENGTH_DIGITS_MAX = 19 };

static const struct {
    uint8_t len;
    char spelling[LONGEST_NAME + 1];
} names[FF_FIELD_COUNT] = {
#define NAME(field, text) [FF_FIELD_##field] = {sizeof(text) - 1, text}
    NAME(OTHER, ""),
    NAME(ACCEPT, "accept"),
    NAME(ACCEPT_ENCODING, "accept-encoding"),
    NAME(ACCEPT_LANGUAGE, "accept-language"),
    NAME(AUTHORIZATION, "authorization"),
    NAME(CACHE_CONTROL, "cache-control"),
    NAME(CONNECTION, "connection"),
    NAME(CONTENT_LENGTH, "content-length"),
    NAME(CONTENT_TYPE, "content-type"),
    NAME(COOKIE, "cookie"),
    NAME(EXPECT, "expect"),
    NAME(HOST, "host"),
    NAME(IF_MODIFIED_SINCE, "if-modified-since"),
    NAME(IF_NONE_MATCH, "if-none-match"),
    NAME(ORIGIN, "origin"),
    NAME(PROXY, "proxy"),
    NAME(REFERER, "referer"),
    NAME(SEC_FETCH_DEST, "sec-fetch-dest"),
    NAME(SEC_FETCH_MODE, "sec-fetch-mode"),
    NAME(SEC_FETCH_SITE, "sec-fetch-site"),
    NAME(SEC_FETCH_USER, "sec-fetch-user"),
    NAME(TE, "te"),
    NAME(TRANSFER_ENCODING, "transfer-encoding"),
    NAME(UPGRADE, "upgrade"),
    NAME(UPGRADE_INSECURE_REQUESTS, "upgrade-insecure-requests"),
    NAME(USER_AGENT, "user-agent"),
    NAME(X_FORWARDED_FOR, "x-forwarded-for"),
    NAME(X_FORWARDED_PROTO, "x-forwarded-proto"),
    NAME(X_REQUESTED_WITH, "x-requested-with"),
    NAME(X_FORWARDED_HOST, "x-forwarded-host"),
    NAME(X_FORWARDED_PORT, "x-forwarded-port"),
#undef NAME
};

/* Few names share a length, so comparing those few beats any hash. */
static const uint8_t of_length[LONGEST_NAME + 1][6] = {
    [2] = {FF_FIELD_TE},
    [4] = {FF_FIELD_HOST},
    [5] = {FF_FIELD_PROXY},
    [6] = {FF_FIELD_ACCEPT, FF_FIELD_COOKIE, FF_FIELD_ORIGIN, FF_FIELD_EXPECT},
    [7] = {FF_FIELD_REFERER, FF_FIELD_UPGRADE},
    [10] = {FF_FIELD_CONNECTION, FF_FIELD_USER_AGENT},
    [12] = {FF_FIELD_CONTENT_TYPE},
    [13] = {FF_FIELD_CACHE_CONTROL, FF_FIELD_IF_NONE_MATCH, FF_FIELD_AUTHORIZATION},
    [14] = {FF_FIELD_CONTENT_LENGTH, FF_FIELD_SEC_FETCH_DEST, FF_FIELD_SEC_FETCH_MODE,
            FF_FIELD_SEC_FETCH_SITE, FF_FIELD_SEC_FETCH_USER},
    [15] = {FF_FIELD_ACCEPT_ENCODING, FF_FIELD_ACCEPT_LANGUAGE, FF_FIELD_X_FORWARDED_FOR},
    [16] = {FF_FIELD_X_REQUESTED_WITH, FF_FIELD_X_FORWARDED_HOST, FF_FIELD_X_FORWARDED_PORT},
    [17] = {FF_FIELD_IF_MODIFIED_SINCE, FF_FIELD_TRANSFER_ENCODING, FF_FIELD_X_FORWARDED_PROTO},
    [25] = {FF_FIELD_UPGRADE_INSECURE_REQUESTS},
};

const char *ff_http_field_spelling(enum ff_http_field_name name)
{
    return names[name].spelling;
}

/* Setting bit 5 folds the case of letters. All else that it makes equal to an octet of these names
 * is a control octet, and `name` has none. */
static inline bool differs_8(const uint8_t *text, const char *lower)
{
    uint64_t a, b;
    memcpy(&a, text, 8);
    memcpy(&b, lower, 8);
    return (a | 0x2020202020202020u) != b;
}

static inline bool differs_4(const uint8_t *text, const char *lower)
{
    uint32_t a, b;
    memcpy(&a, text, 4);
    memcpy(&b, lower, 4);
    return (a | 0x20202020u) != b;
}

static inline bool is_name(const uint8_t *text, size_t n, const char *lower)
{
    if (n < 8) {
        if (n >= 4)
            return !differs_4(text, lower) && !differs_4(text + n - 4, lower + n - 4);
        while (n > 0 && (text[n - 1] | 0x20) == lower[n - 1])
            n--;
        return n == 0;
    }
    if (differs_8(text + n - 8, lower + n - 8)) /* the ends differ most */
        return false;
    for (size_t i = 0; i + 8 < n; i += 8)
        if (differs_8(text + i, lower + i))
            return false;
    return true;
}

enum ff_http_field_name ff_http_field_find(const uint8_t *name, size_t n)
{
    if (n > LONGEST_NAME)
        return FF_FIELD_OTHER;
    for (const uint8_t *known = of_length[n]; *known != FF_FIELD_OTHER; known++)
        if (is_name(name, n, names[*known].spelling))
            return *known;
    return FF_FIELD_OTHER;
}

bool ff_http_is_word(const uint8_t *text, size_t n, const char *lower)
{
    if (n != strlen(lower))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]) != (uint8_t)lower[i])
            return false;
    return true;
}

/* Two lengths, even equal ones, mean that somebody before us may have seen another message. */
static int obey_length(const uint8_t *p, size_t n, struct ff_http_request *out)
{
    if (n == 0 || n > LENGTH_DIGITS_MAX || out->has_length || out->chunked)
        return 400;
    uint64_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return 400;
        length = length * 10 + (p[i] - (uint64_t)'0');
    }
    out->has_length = true;
    out->length = length;
    return FF_HTTP_DONE;
}

/* A quoted-string from its opening quote on (RFC 9110 5.6.4); NULL if it is none. */
static const uint8_t *skip_quoted(const uint8_t *p, const uint8_t *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && ++p == end)
            return NULL;
    return p < end ? p + 1 : NULL;
}

/* *( OWS ";" OWS token "=" ( token / quoted-string ) ); NULL if it is not well-formed. */
static const uint8_t *skip_parameters(const uint8_t *p, const uint8_t *end)
{
    for (;;) {
        const uint8_t *at = ff_http_skip_space(p, end);
        if (at == end || *at != ';')
            return p;
        const uint8_t *name = ff_http_skip_space(at + 1, end);
        const uint8_t *equals = ff_http_scan(name, end, FF_OCTET_TOKEN);
        if (equals == name || equals == end || *equals != '=')
            return NULL;
        const uint8_t *value = equals + 1;
        p = value < end && *value == '"' ? skip_quoted(value, end)
                                         : ff_http_scan(value, end, FF_OCTET_TOKEN);
        if (!p || p == value)
            return NULL;
    }
}

/* Only "chunked", once, is understood. The whole line is judged before a coding that is merely
 * unknown, so that what can be read in two ways is always a 400. */
static int obey_codings(const uint8_t *p, const uint8_t *end, struct ff_http_request *out)
{
    bool unknown = false;
    if (out->minor == 0 || out->has_length)
        return 400;
    for (;;) {
        const uint8_t *coding = p, *stop = ff_http_scan(p, end, FF_OCTET_TOKEN);
        if (stop == coding || out->chunked)
            return 400;
        p = skip_parameters(stop, end);
        if (!p)
            return 400;
        if (!ff_http_is_word(coding, (size_t)(stop - coding), "chunked"))
            unknown = true;
        else if (p != stop)
            return 400;
        else
            out->chunked = true;
        p = ff_http_skip_space(p, end);
        if (p == end)
            return unknown ? 501 : FF_HTTP_DONE;
        if (*p != ',')
            return 400;
        p = ff_http_skip_space(p + 1, end);
    }
}

/* The next element of a list, without the space around it; empty ones are to be passed over (RFC
 * 9110 5.6.1). `p` moves behind it. */
static inline const uint8_t *next_element(const uint8_t **p, const uint8_t *end, size_t *n)
{
    const uint8_t *comma = memchr(*p, ',', (size_t)(end - *p));
    const uint8_t *stop = comma ? comma : end;
    const uint8_t *at = ff_http_skip_space(*p, stop);
    *n = (size_t)(ff_http_trim_space(at, stop) - at);
    *p = comma ? comma + 1 : end;
    return at;
}

static void obey_connection(const uint8_t *p, const uint8_t *end, struct ff_http_facts *facts,
                            struct ff_http_request *out)
{
    while (p < end) {
        size_t n;
        const uint8_t *option = next_element(&p, end, &n);
        if (ff_http_is_word(option, n, "close"))
            facts->says_close = true;
        else if (ff_http_is_word(option, n, "keep-alive"))
            out->keep_alive = true;
    }
    if (facts->says_close)
        out->keep_alive = false;
}

static int obey_expect(const uint8_t *p, const uint8_t *end, struct ff_http_request *out)
{
    while (out->minor > 0 && p < end) {
        size_t n;
        const uint8_t *expectation = next_element(&p, end, &n);
        if (n > 0 && !ff_http_is_word(expectation, n, "100-continue"))
            return 417;
        out->expect_continue = out->expect_continue || n > 0;
    }
    return FF_HTTP_DONE;
}

static inline int obey_host(const uint8_t *buf, const struct ff_http_field *field,
                            struct ff_http_facts *facts, struct ff_http_request *out)
{
    const uint8_t *p = buf + field->value.at, *end = p + field->value.len;
    if (facts->has_host || !ff_http_is_host(p, end))
        return 400;
    facts->has_host = true;
    if (!facts->host_is_in_target)
        out->host = field->value;
    return FF_HTTP_DONE;
}

static __attribute__((noinline)) int obey_other(const uint8_t *buf,
                                                const struct ff_http_field *field,
                                                struct ff_http_facts *facts,
                                                struct ff_http_request *out)
{
    const uint8_t *p = buf + field->value.at, *end = p + field->value.len;
    switch (field->known) {
    case FF_FIELD_CONNECTION:
        obey_connection(p, end, facts, out);
        return FF_HTTP_DONE;
    case FF_FIELD_CONTENT_LENGTH:
        return obey_length(p, field->value.len, out);
    case FF_FIELD_CONTENT_TYPE: /* of two, whoever looked before us may have seen the other */
        if (facts->has_type)
            return 400;
        facts->has_type = true;
        return FF_HTTP_DONE;
    case FF_FIELD_EXPECT:
        return obey_expect(p, end, out);
    case FF_FIELD_TRANSFER_ENCODING:
        return obey_codings(p, end, out);
    case FF_FIELD_X_FORWARDED_FOR:
    case FF_FIELD_X_FORWARDED_HOST:
    case FF_FIELD_X_FORWARDED_PORT:
    case FF_FIELD_X_FORWARDED_PROTO:
        out->is_forwarded = true; /* by whom, and what of it is true, is not ours to say */
        return FF_HTTP_DONE;
    default:
        return FF_HTTP_DONE;
    }
}

/* Every request has a Host. */
int ff_http_field_obey(const uint8_t *buf, const struct ff_http_field *field,
                       struct ff_http_facts *facts, struct ff_http_request *out)
{
    bool is_host = field->known == FF_FIELD_HOST;
    return is_host ? obey_host(buf, field, facts, out) : obey_other(buf, field, facts, out);
}

/* http_field: the fields of a request that the server knows by name, and what it obeys in them.
 *
 * Runs in:  lane. Pure.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_HTTP_FIELD_H
#define FF_HTTP_FIELD_H

#include "http_request.h"

/* The known field called `name` in any case, or FF_FIELD_OTHER. `name` may have any octets but
 * control octets; one that is found is a token. */
enum ff_http_field_name ff_http_field_find(const uint8_t *name, size_t n);

/* Is `text` the word `lower` (of lower-case letters, digits and "-"), in any case? */
bool ff_http_is_word(const uint8_t *text, size_t n, const char *lower);

/* What fields said that `struct ff_http_request` doesn't hold. */
struct ff_http_facts {
    bool has_host;
    bool host_is_in_target; /* an absolute- or authority-form target wins over Host */
    bool says_close;
    bool has_type; /* Content-Type was there */
};

/* Does ff_http_field_obey have anything to do for this field? */
static inline bool ff_http_field_is_obeyed(enum ff_http_field_name known)
{
    return (1u << known & (1u << FF_FIELD_CONNECTION | 1u << FF_FIELD_CONTENT_LENGTH |
                           1u << FF_FIELD_CONTENT_TYPE | 1u << FF_FIELD_EXPECT |
                           1u << FF_FIELD_HOST | 1u << FF_FIELD_TRANSFER_ENCODING |
                           1u << FF_FIELD_X_FORWARDED_FOR | 1u << FF_FIELD_X_FORWARDED_HOST |
                           1u << FF_FIELD_X_FORWARDED_PORT | 1u << FF_FIELD_X_FORWARDED_PROTO)) !=
           0;
}

/* Takes over into `out` what `field`, a field of the head at `buf`, says about host, framing and
 * connection. `out->minor` must be there. FF_HTTP_DONE, or the status to refuse with. */
int ff_http_field_obey(const uint8_t *buf, const struct ff_http_field *field,
                       struct ff_http_facts *facts, struct ff_http_request *out);

#endif

/* http_forwarded: what a trusted proxy says of the client that it speaks for (X-Forwarded-For,
 * -Proto, -Host, -Port).
 *
 * Runs in:  lane, only for requests with such a field from a trusted peer. Pure.
 * Blocks:   never.
 * Owns:     nothing. Slices are offsets into the head, as in http_request.h. */
#ifndef FF_HTTP_FORWARDED_H
#define FF_HTTP_FORWARDED_H

#include "http_request.h"
#include "networks.h"

enum ff_scheme { FF_SCHEME_UNSAID, FF_SCHEME_HTTP, FF_SCHEME_HTTPS };

struct ff_http_forwarded {
    struct ff_peer client;     /* family 0: not said; port 0: not said */
    struct ff_http_slice host; /* empty: not said */
    struct ff_http_slice name; /* of `host`, without its port */
    uint16_t port;             /* of X-Forwarded-Port, else of the host, else 0 */
    uint8_t scheme;            /* enum ff_scheme */
};

/* Reads the fields of `request`, whose head is at `head`. FF_HTTP_DONE, or 400: scheme, host or
 * port is malformed, or two things at once.
 *
 * The client is the right-most address that is not in `trusted`: what stands left of it was said
 * by the client itself. When all are trusted it is the left-most one. A hop that is no address
 * ("unknown") ends the walk at the one right of it. */
int ff_http_forwarded_read(const char *head, const struct ff_http_request *request,
                           const struct ff_networks *trusted, struct ff_http_forwarded *out);

#endif

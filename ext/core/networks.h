/* networks: which peers are believed: a list of addresses and networks.
 *
 * Runs in:  master (made, before any fork), lanes (asked).
 * Blocks:   never.
 * Owns:     its list, until ff_networks_close. A zeroed struct is a valid empty list. */
#ifndef FF_NETWORKS_H
#define FF_NETWORKS_H

#include "sock.h"

struct ff_network {
    uint8_t address[16];
    uint8_t family, bits;
};

struct ff_networks {
    struct ff_network *network;
    uint32_t count;
    bool has_all;  /* "*" */
    bool has_unix; /* "unix": whoever comes by a unix socket */
};

/* Adds what `text` names: an address, a network as address/bits, "*" or "unix". 0, -EINVAL when it
 * is none of them or a network has bits behind its prefix, or -ENOMEM. */
int ff_networks_add(struct ff_networks *list, const char *text, size_t n);

void ff_networks_close(struct ff_networks *list);

/* Is `peer` in the list? An IPv4 address is the same one when it is written in IPv6
 * (::ffff:1.2.3.4), as sockets that take both have it. */
bool ff_networks_has(const struct ff_networks *list, const struct ff_peer *peer);

#endif

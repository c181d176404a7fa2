/* proxy: the PROXY protocol, versions 1 and 2: a relay says before the first request whom it speaks
 * for (haproxy.org/download/2.8/doc/proxy-protocol.txt).
 *
 * Runs in:  lane. Pure.
 * Blocks:   never.
 * Owns:     nothing. */
#ifndef FF_PROXY_H
#define FF_PROXY_H

#include "sock.h"

enum ff_proxy_mode { FF_PROXY_OFF, FF_PROXY_V1, FF_PROXY_V2, FF_PROXY_AUTO };

/* Our own bound for a header of version 2, which may have 64 KiB: addresses and some TLVs. */
enum { FF_PROXY_MAX = 4096 };

/* Reads the header at the start of the `n` octets. Its length when it is whole; 0 when it needs
 * more octets; -EPROTO when it is none, or not of a version that `mode` allows. `*client` is set
 * when it names an address; it stays as it is for UNKNOWN, LOCAL, and families other than IP.
 * What the header says beyond the source address is checked and skipped. */
int ff_proxy_read(const char *octets, size_t n, enum ff_proxy_mode mode, struct ff_peer *client);

#endif

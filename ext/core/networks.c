#include "networks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
enum { MAPPED_BITS = 96 };

static struct ff_peer plain(const struct ff_peer *peer)
{
    struct ff_peer v4 = {.family = 4, .port = peer->port};
    if (peer->family != 6 || memcmp(peer->address, mapped, sizeof(mapped)) != 0)
        return *peer;
    memcpy(v4.address, peer->address + sizeof(mapped), 4);
    return v4;
}

/* Are the first `bits` of both the same? */
static bool starts_alike(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* The prefix behind the "/"; -1 if it is none. */
static int read_bits(const char *text, size_t n, int most)
{
    int bits = 0;
    if (n == 0 || n > 3 || (n > 1 && text[0] == '0'))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        bits = bits * 10 + (text[i] - '0');
    }
    return bits <= most ? bits : -1;
}

static bool read_network(const char *text, size_t n, struct ff_network *out)
{
    const char *slash = memchr(text, '/', n);
    size_t len = slash ? (size_t)(slash - text) : n;
    struct ff_peer peer;
    if (!ff_peer_read(text, len, &peer) || peer.port != 0)
        return false;
    int most = peer.family == 4 ? 32 : 128, bits = most;
    if (slash && (bits = read_bits(slash + 1, n - len - 1, most)) < 0)
        return false;
    struct ff_peer v4 = plain(&peer);
    if (v4.family != peer.family && bits >= MAPPED_BITS)
        peer = v4, bits -= MAPPED_BITS;
    *out = (struct ff_network){.family = (uint8_t)peer.family, .bits = (uint8_t)bits};
    for (int i = 0; i < bits; i++)
        out->address[i / 8] |= (uint8_t)(peer.address[i / 8] & (0x80 >> i % 8));
    return memcmp(out->address, peer.address, sizeof(out->address)) == 0;
}

int ff_networks_add(struct ff_networks *list, const char *text, size_t n)
{
    struct ff_network network;
    if (n == 1 && text[0] == '*') {
        list->has_all = true;
        return 0;
    }
    if (n == 4 && memcmp(text, "unix", 4) == 0) {
        list->has_unix = true;
        return 0;
    }
    if (!read_network(text, n, &network))
        return -EINVAL;
    struct ff_network *larger = realloc(list->network, (list->count + 1) * sizeof(network));
    if (!larger)
        return -ENOMEM;
    list->network = larger;
    list->network[list->count++] = network;
    return 0;
}

void ff_networks_close(struct ff_networks *list)
{
    free(list->network);
    *list = (struct ff_networks){0};
}

bool ff_networks_has(const struct ff_networks *list, const struct ff_peer *peer)
{
    struct ff_peer one = plain(peer);
    if (list->has_all || (one.family == 0 && list->has_unix))
        return true;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->network[i].family == one.family &&
            starts_alike(list->network[i].address, one.address, list->network[i].bits))
            return true;
    return false;
}

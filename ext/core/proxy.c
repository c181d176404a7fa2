#include "proxy.h"

#include <errno.h>
#include <string.h>

enum {
    V1_MAX = 107, /* the specification's longest line, with its CRLF */
    SIGNATURE = 12,
    V2_HEAD = 16,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    FAMILIES = 4,  /* UNSPEC, INET, INET6, UNIX */
    TRANSPORTS = 3 /* UNSPEC, STREAM, DGRAM */
};

static const char signature[SIGNATURE + 1] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1: a line ---- */

/* The next word; words are separated by one space. */
static const char *next_word(const char **p, const char *end, size_t *n)
{
    const char *word = *p, *space = memchr(word, ' ', (size_t)(end - word));
    *n = (size_t)((space ? space : end) - word);
    *p = space ? space + 1 : end + 1;
    return word;
}

static bool is_word(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

/* Decimal without leading zeros; false if it is none. */
static bool read_port(const char *text, size_t n, uint16_t *out)
{
    uint32_t port = 0;
    if (n == 0 || n > 5 || (n > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* An address alone, of the family that was announced. */
static bool read_address(const char *text, size_t n, uint16_t family, struct ff_peer *out)
{
    bool is_alone = n > 0 && text[0] != '[' && ff_peer_read(text, n, out) && out->port == 0;
    return is_alone && out->family == family && (family == 6 || !memchr(text, ':', n));
}

/* The words behind "PROXY ". */
static bool read_line(const char *p, const char *end, struct ff_peer *client)
{
    struct ff_peer source, target;
    const char *word[5];
    size_t n[5];
    for (int i = 0; i < 5; i++) {
        if (p > end)
            return false;
        word[i] = next_word(&p, end, &n[i]);
        if (i == 0 && is_word(word[0], n[0], "UNKNOWN"))
            return true; /* and whatever follows */
    }
    bool is_v4 = is_word(word[0], n[0], "TCP4");
    uint16_t family = is_v4 ? 4 : 6;
    if ((!is_v4 && !is_word(word[0], n[0], "TCP6")) || p <= end ||
        !read_address(word[1], n[1], family, &source) ||
        !read_address(word[2], n[2], family, &target) || !read_port(word[3], n[3], &source.port) ||
        !read_port(word[4], n[4], &target.port))
        return false;
    *client = source;
    return true;
}

static int read_v1(const char *octets, size_t n, struct ff_peer *client)
{
    static const char start[] = "PROXY ";
    size_t known = n < sizeof(start) - 1 ? n : sizeof(start) - 1;
    if (memcmp(octets, start, known) != 0)
        return -EPROTO;
    const char *lf = memchr(octets, '\n', n < V1_MAX ? n : V1_MAX);
    if (!lf)
        return n < V1_MAX ? 0 : -EPROTO;
    if (lf[-1] != '\r' || !read_line(octets + known, lf - 1, client))
        return -EPROTO;
    return (int)(lf + 1 - octets);
}

/* ---- version 2: binary ---- */

static unsigned big_endian(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static int read_v2(const char *octets, size_t n, struct ff_peer *client)
{
    const uint8_t *p = (const uint8_t *)octets;
    if (memcmp(octets, signature, n < SIGNATURE ? n : SIGNATURE) != 0)
        return -EPROTO;
    if (n > SIGNATURE && p[12] != V2_LOCAL && p[12] != V2_PROXY)
        return -EPROTO;
    if (n > SIGNATURE + 1 && (p[13] >> 4 >= FAMILIES || (p[13] & 15) >= TRANSPORTS))
        return -EPROTO;
    if (n < V2_HEAD)
        return 0;
    unsigned len = big_endian(p + 14), address = p[13] == 0x11 ? 4 : p[13] == 0x21 ? 16 : 0;
    bool is_named = p[12] == V2_PROXY && address > 0;
    if (V2_HEAD + len > FF_PROXY_MAX || (is_named && len < 2 * address + 4))
        return -EPROTO;
    if (n < V2_HEAD + len)
        return 0;
    if (is_named) {
        *client = (struct ff_peer){.family = address == 4 ? 4 : 6};
        memcpy(client->address, p + V2_HEAD, address);
        client->port = (uint16_t)big_endian(p + V2_HEAD + 2 * address);
    }
    return (int)(V2_HEAD + len);
}

int ff_proxy_read(const char *octets, size_t n, enum ff_proxy_mode mode, struct ff_peer *client)
{
    if (n == 0)
        return 0;
    bool is_v2 = octets[0] == signature[0];
    if (mode != FF_PROXY_AUTO && is_v2 != (mode == FF_PROXY_V2))
        return -EPROTO;
    return is_v2 ? read_v2(octets, n, client) : read_v1(octets, n, client);
}

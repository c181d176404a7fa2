#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void describe(const struct sockaddr_storage *from, struct ff_peer *peer)
{
    memset(peer, 0, sizeof(*peer));
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;
        memcpy(peer->address, &v4->sin_addr, 4);
        peer->port = ntohs(v4->sin_port);
        peer->family = 4;
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;
        bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        memcpy(peer->address, v6->sin6_addr.s6_addr + (is_v4 ? 12 : 0), is_v4 ? 4 : 16);
        peer->port = ntohs(v6->sin6_port);
        peer->family = is_v4 ? 4 : 6;
    }
}

int ff_sock_accept(int listener, int *out, struct ff_peer *peer)
{
    for (;;) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof(from);
        int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            describe(&from, peer);
            *out = fd;
            return 0;
        }
        /* accept(2): Linux passes pending network errors of the new socket through */
        switch (errno) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
            continue;
        default:
            return -errno;
        }
    }
}

static size_t put_octet(char *to, unsigned v)
{
    size_t n = 0;
    if (v >= 100)
        to[n++] = (char)('0' + v / 100);
    if (v >= 10)
        to[n++] = (char)('0' + v / 10 % 10);
    to[n++] = (char)('0' + v % 10);
    return n;
}

size_t ff_peer_text(const struct ff_peer *peer, char out[FF_PEER_TEXT_MAX])
{
    size_t n = 0;
    if (peer->family == 4) { /* by hand: once per request, and inet_ntop formats with printf */
        for (int i = 0; i < 4; i++) {
            if (i > 0)
                out[n++] = '.';
            n += put_octet(out + n, peer->address[i]);
        }
    } else if (peer->family == 6) {
        char text[INET6_ADDRSTRLEN];
        if (inet_ntop(AF_INET6, peer->address, text, sizeof(text)))
            memcpy(out, text, n = strlen(text));
    }
    return n;
}

/* ":" and a port, or nothing. */
static bool read_port(const char *text, size_t n, uint16_t *out)
{
    uint32_t port = 0;
    if (n == 0)
        return true;
    if (text[0] != ':' || n == 1 || n > 6)
        return false;
    for (size_t i = 1; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

bool ff_peer_read(const char *text, size_t n, struct ff_peer *out)
{
    char host[INET6_ADDRSTRLEN];
    struct ff_peer peer = {0};
    bool is_bracketed = n > 0 && text[0] == '[';
    const char *colon = memchr(text, ':', n), *end = text + n;
    if (is_bracketed) {
        text++, n--;
        if (!(end = memchr(text, ']', n)) ||
            !read_port(end + 1, n - (size_t)(end - text) - 1, &peer.port))
            return false;
    } else if (colon && !memchr(colon + 1, ':', n - (size_t)(colon - text) - 1)) {
        end = colon; /* one colon only: no address of IPv6 has that */
        if (!read_port(end, n - (size_t)(end - text), &peer.port))
            return false;
    }
    size_t len = (size_t)(end - text);
    if (len == 0 || len >= sizeof(host) || memchr(text, '\0', len))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (!is_bracketed && inet_pton(AF_INET, host, peer.address) == 1)
        peer.family = 4;
    else if ((is_bracketed || end != colon) && inet_pton(AF_INET6, host, peer.address) == 1)
        peer.family = 6;
    else
        return false;
    *out = peer;
    return true;
}

int64_t ff_sock_quiet_us(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return 0;
    return (int64_t)info.tcpi_last_data_recv * 1000;
}

int ff_sock_close(int fd)
{
    if (fd >= 0)
        close(fd);
    return -1;
}

int ff_sock_await(int fd, bool write, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = write ? POLLOUT : POLLIN};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0)
        return -errno;
    return n == 0 ? -ETIMEDOUT : 0;
}

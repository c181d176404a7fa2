#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
        memcpy(peer->address, &v6->sin6_addr, 16);
        peer->port = ntohs(v6->sin6_port);
        peer->family = 6;
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

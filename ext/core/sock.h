/* sock: the socket calls that need more than one line.
 *
 * Runs in:  dispatcher, lane.
 * Blocks:   only in ff_sock_await, as long as it is told. All sockets are non-blocking.
 * Owns:     nothing; ff_sock_accept gives a descriptor. */
#ifndef FF_SOCK_H
#define FF_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who is at the other end: family 4 or 6 with address and port in host order, 0 for a unix
 * socket. */
struct ff_peer {
    uint8_t address[16];
    uint16_t port;
    uint16_t family;
};

enum { FF_PEER_TEXT_MAX = 46 };

/* Gives the next connection of `listener` (non-blocking, close-on-exec). 0, -EAGAIN when there
 * is none, or another -errno; what only concerns a connection that is already gone is skipped. */
int ff_sock_accept(int listener, int *out, struct ff_peer *peer);

/* Writes the address (no port) without a NUL and returns its length; 0 for a unix socket. */
size_t ff_peer_text(const struct ff_peer *peer, char out[FF_PEER_TEXT_MAX]);

/* Reads an address, alone or with a port: 1.2.3.4, 1.2.3.4:80, ::1, [::1], [::1]:80. Port 0: it has
 * none. False, and nothing changed, if it is none of these. */
bool ff_peer_read(const char *text, size_t n, struct ff_peer *out);

/* How long ago the last octets came, to about 4 ms; 0 if nobody knows (a unix socket). */
int64_t ff_sock_quiet_us(int fd);

/* Closes `fd` if it is one; gives -1, so that `fd = ff_sock_close(fd)` leaves nothing behind. */
int ff_sock_close(int fd);

/* Waits until `fd` can be read (or written, if `write`). 0, -ETIMEDOUT, or -errno (-EINTR). */
int ff_sock_await(int fd, bool write, int timeout_ms);

#endif

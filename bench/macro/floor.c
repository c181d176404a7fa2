/* floor: the least that an HTTP hello can cost here: one process, one epoll loop, a constant
 * answer. It reads nothing of the request but its end and "Connection: close", so nothing that
 * parses can win.
 *
 *     floor PORT               the last answer is sent, then the socket is closed: two packets
 *     floor PORT one-packet    the last answer waits for the FIN and leaves with it */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD(extra)                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"                        \
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: fastfork\r\n" extra "\r\nHello, World!"

static const char STAY[] = HEAD("");
static const char LEAVE[] = HEAD("Connection: close\r\n");

enum { BATCH = 256, MAX_FDS = 65536, HEAD_MAX = 4096 };

/* What an fd has sent of a head that is not complete yet; almost always nothing. */
struct partial {
    size_t len;
    char bytes[HEAD_MAX];
};

static struct partial *partials[MAX_FDS];
static bool is_one_packet;

static void hang_up(int fd)
{
    free(partials[fd]);
    partials[fd] = NULL;
    close(fd);
}

static bool answer(int fd, const char *text, size_t len)
{
    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void say_goodbye(int fd)
{
    send(fd, LEAVE, sizeof LEAVE - 1, MSG_NOSIGNAL | (is_one_packet ? MSG_MORE : 0));
    if (is_one_packet)
        shutdown(fd, SHUT_RDWR);
}

/* Answers each complete head of `in`; false: the connection is to be closed. What is left is
 * kept. */
static bool answer_all(int fd, const char *in, size_t len)
{
    for (;;) {
        const char *end = memmem(in, len, "\r\n\r\n", 4);
        if (!end)
            break;
        size_t head = (size_t)(end - in) + 4;
        if (memmem(in, head, "\r\nConnection: close\r\n", 21)) {
            say_goodbye(fd);
            return false;
        }
        if (!answer(fd, STAY, sizeof STAY - 1))
            return false;
        in += head, len -= head;
    }
    if (len == 0)
        return true;
    struct partial *p = partials[fd] ? partials[fd] : calloc(1, sizeof *p);
    if (!p || len >= HEAD_MAX)
        return false;
    memmove(p->bytes, in, len);
    p->len = len;
    partials[fd] = p;
    return true;
}

static void serve(int fd)
{
    static char in[2 * HEAD_MAX];
    struct partial *p = partials[fd];
    size_t before = p ? p->len : 0;
    if (before > 0)
        memcpy(in, p->bytes, before), p->len = 0;
    ssize_t n = recv(fd, in + before, HEAD_MAX, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !answer_all(fd, in, before + (size_t)n))
        hang_up(fd);
}

static void accept_all(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct epoll_event want = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MAX_FDS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want) < 0)
            close(fd);
    }
}

static int listen_on(uint16_t port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    /* accept with the request there */
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 4096) < 0)
        return perror("floor"), exit(1), -1;
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "one-packet") != 0))
        return fprintf(stderr, "usage: floor PORT [one-packet]\n"), 2;
    is_one_packet = argc == 3;
    int listener = listen_on((uint16_t)atoi(argv[1])), epoll = epoll_create1(0);
    struct epoll_event want = {.events = EPOLLIN, .data.fd = listener}, got[BATCH];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &want);
    for (;;) {
        int n = epoll_wait(epoll, got, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (got[i].data.fd == listener)
                accept_all(epoll, listener);
            else
                serve(got[i].data.fd);
        }
    }
}

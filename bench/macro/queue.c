/* queue: one queue, and threads without a lock that take the next request and sleep for it: the
 * least waiting that this machine, its timers and the client of tail.py allow. What it waits
 * beyond the simulated ideal is no server's doing.
 *
 *     queue PORT THREADS
 *
 * It reads nothing of the request but ?s= and "Connection: close", and expects it in one piece. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 4096, TEXT_MAX = 128 };

static int epoll, listener;

/* The next thread that looks is told of `fd`, and no other; they are told in order. */
static void await(int fd, bool is_new)
{
    struct epoll_event want = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
    if (epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &want) < 0)
        close(fd);
}

static void sleep_for(const char *head)
{
    const char *s = strstr(head, "s=");
    double seconds = s ? strtod(s + 2, NULL) : 0;
    struct timespec span = {.tv_sec = (time_t)seconds};
    span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
    nanosleep(&span, NULL);
}

static void serve(int fd, bool is_new)
{
    char head[HEAD_MAX], text[TEXT_MAX], body[TEXT_MAX];
    ssize_t n = recv(fd, head, sizeof head - 1, MSG_DONTWAIT);
    if (n < 0) {
        await(fd, is_new); /* accepted before it has spoken */
        return;
    }
    head[n > 0 ? n : 0] = '\0';
    bool is_last = n == 0 || strstr(head, "\r\nConnection: close\r\n");
    if (n > 0) {
        sleep_for(head);
        int len = snprintf(body, sizeof body, "%d", (int)getpid());
        len = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len,
                       is_last ? "Connection: close\r\n" : "", body);
        send(fd, text, (size_t)len, MSG_NOSIGNAL);
    }
    if (is_last)
        close(fd);
    else
        await(fd, is_new);
}

static void *take(void *nothing)
{
    struct epoll_event got;
    for (;;) {
        if (epoll_wait(epoll, &got, 1, -1) != 1)
            continue;
        if (got.data.fd != listener) {
            serve(got.data.fd, false);
            continue;
        }
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        await(listener, false);
        if (fd >= 0)
            serve(fd, true);
    }
    return nothing;
}

static int listen_on(uint16_t port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 4096) < 0)
        return perror("queue"), exit(1), -1;
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: queue PORT THREADS\n"), 2;
    listener = listen_on((uint16_t)atoi(argv[1]));
    epoll = epoll_create1(0);
    await(listener, true);
    for (int i = 1; i < atoi(argv[2]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, take, NULL);
    }
    take(NULL);
}

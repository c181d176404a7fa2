/* sendloop: the least that a large answer can cost here: one process, one connection at a time, a
 * constant body that is sent until the socket has taken it all. It reads nothing of the request but
 * its end.
 *
 *     sendloop PORT OCTETS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 4096 };

static bool read_head(int fd)
{
    char head[HEAD_MAX];
    size_t len = 0;
    while (len < sizeof head) {
        ssize_t n = recv(fd, head + len, sizeof head - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n, len -= (size_t)n;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t body = strtoul(argv[2], NULL, 10);
    char *answer = malloc(body + HEAD_MAX);
    if (!answer)
        return 1;
    int head = sprintf(answer,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                       "Content-Length: %zu\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Server: fastfork\r\n\r\n",
                       body);
    memset(answer + head, 'x', body);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in where = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&where, sizeof where) < 0 || listen(listener, 64) < 0)
        return perror("sendloop"), 1;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        while (read_head(fd) && send_all(fd, answer, (size_t)head + body))
            ;
        close(fd);
    }
}

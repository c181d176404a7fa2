/* load: asks a server for one thing, checks every answer, and says how late they were.
 *
 *     load PORT CONNECTIONS SECONDS RATE DEPTH FRESH REQUEST BODY
 *
 * RATE 0 is a closed loop: each connection asks again when it was answered. Otherwise requests come
 * RATE times a second by chance (Poisson), whether or not earlier ones were answered, and lateness
 * counts from when one was due: a slow server can't thin out its load. DEPTH requests are sent at
 * once. FRESH 1 takes a new connection for each. REQUEST and BODY are files: what is sent, and the
 * body that every answer must have; its status must be 200. One line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, BATCH = 256, READ_MAX = 262144, PATIENCE_US = 5000000 };
enum state { HEAD, LENGTH, SIZE_LINE, CHUNK, CHUNK_END, TRAILER, TO_END };

struct conn {
    int fd;           /* -1: none */
    unsigned waiting; /* answers that are still to come */
    enum state state;
    char head[HEAD_MAX]; /* of the answer, or the line of a chunk */
    size_t head_len, left, seen, unsent;
    int64_t due_us;
    bool is_last; /* the server closes behind this answer */
};

struct load {
    struct sockaddr_in where;
    char *request, *body;
    size_t request_len, body_len;
    unsigned depth;
    bool is_fresh, is_open;
    int epoll;
    struct conn *conns, **idle; /* the last one that became idle is used first */
    size_t count, idles;
    int64_t *due; /* requests that have come and found no connection: a ring */
    size_t due_first, due_count, due_room;
    uint32_t *late_us;
    size_t done, room, failed, wrong, opened;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void *need(void *memory)
{
    if (!memory)
        fprintf(stderr, "load: no memory\n"), exit(1);
    return memory;
}

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        perror(path), exit(1);
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    char *octets = need(malloc(*len + 1));
    if (fread(octets, 1, *len, file) != *len)
        perror(path), exit(1);
    fclose(file);
    return octets;
}

static void watch(struct load *l, struct conn *c, uint32_t events, int how)
{
    struct epoll_event want = {.events = events, .data.ptr = c};
    epoll_ctl(l->epoll, how, c->fd, &want);
}

static void hang_up(struct conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void rest(struct load *l, struct conn *c)
{
    c->waiting = 0, c->unsent = 0;
    l->idle[l->idles++] = c;
}

/* The request of `c` has no answer, or not the right one. */
static void fail(struct load *l, struct conn *c, size_t *kind)
{
    *kind += c->waiting;
    hang_up(c);
    rest(l, c);
}

static void note(struct load *l, int64_t late)
{
    if (l->done == l->room) {
        l->room = l->room ? 2 * l->room : 1 << 20;
        l->late_us = need(realloc(l->late_us, l->room * sizeof *l->late_us));
    }
    l->late_us[l->done++] = (uint32_t)late;
}

static void send_rest(struct load *l, struct conn *c)
{
    size_t len = l->request_len * l->depth;
    ssize_t n = send(c->fd, l->request + (len - c->unsent), c->unsent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        fail(l, c, &l->failed);
        return;
    }
    size_t before = c->unsent;
    c->unsent -= n > 0 ? (size_t)n : 0;
    if (c->unsent > 0 || before < len)
        watch(l, c, c->unsent > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static void ask(struct load *l, struct conn *c, int64_t due)
{
    c->due_us = due, c->waiting = l->depth, c->unsent = l->request_len * l->depth;
    c->state = HEAD, c->head_len = 0, c->is_last = false;
    if (c->fd < 0) {
        int on = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        l->opened++;
        if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&l->where, sizeof l->where) < 0 &&
                          errno != EINPROGRESS)) {
            fail(l, c, &l->failed);
            return;
        }
        watch(l, c, EPOLLIN, EPOLL_CTL_ADD);
    }
    send_rest(l, c);
}

/* An answer is whole. */
static void answered(struct load *l, struct conn *c, int64_t now)
{
    if (c->seen != l->body_len)
        l->wrong++;
    else
        note(l, now - c->due_us);
    c->waiting--;
    c->state = HEAD, c->head_len = 0;
    bool is_over = c->is_last || (l->is_fresh && c->waiting == 0);
    if (is_over) {
        l->failed += c->waiting; /* what was sent behind the last one */
        hang_up(c);
    }
    if (is_over || c->waiting == 0)
        rest(l, c);
}

static bool is_body(struct load *l, struct conn *c, const char *octets, size_t n)
{
    if (n > l->body_len - c->seen || memcmp(l->body + c->seen, octets, n) != 0)
        return false;
    c->seen += n;
    return true;
}

static const char *field(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at ? at + strlen(name) : NULL;
}

/* The head is whole: what follows? False: it is not what was asked for. */
static bool begin_body(struct conn *c)
{
    c->head[c->head_len] = 0;
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 && strncmp(c->head, "HTTP/1.0 200", 12) != 0)
        return false;
    const char *length = field(c->head, "\r\nContent-Length:");
    const char *connection = field(c->head, "\r\nConnection:");
    c->is_last = c->head[7] == '0' || (connection && strcasestr(connection, "close") &&
                                       strcasestr(connection, "close") < strchr(connection, '\r'));
    c->seen = 0;
    if (field(c->head, "\r\nTransfer-Encoding: chunked"))
        c->state = SIZE_LINE;
    else if (length)
        c->state = LENGTH, c->left = strtoul(length, NULL, 10);
    else
        c->state = TO_END, c->is_last = true;
    c->head_len = 0;
    return true;
}

/* Takes a line, or for the head all lines, octet by octet from `*at`; is it whole? */
static bool take_lines(struct conn *c, const char **at, const char *end)
{
    const char *stop = c->state == HEAD ? "\r\n\r\n" : "\r\n";
    size_t n = strlen(stop);
    while (*at < end && c->head_len < HEAD_MAX - 1) {
        c->head[c->head_len++] = *(*at)++;
        if (c->head_len >= n && memcmp(c->head + c->head_len - n, stop, n) == 0)
            return true;
    }
    return false;
}

/* Runs over octets of answers; false: they are wrong. */
static bool take(struct load *l, struct conn *c, const char *at, const char *end, int64_t now)
{
    while (at < end && c->waiting > 0) {
        if (c->state == LENGTH || c->state == CHUNK || c->state == TO_END) {
            size_t here = (size_t)(end - at);
            size_t n = c->state != TO_END && c->left < here ? c->left : here;
            if (!is_body(l, c, at, n))
                return false;
            at += n, c->left -= n;
        } else if (!take_lines(c, &at, end)) {
            return c->head_len < HEAD_MAX - 1;
        } else if (c->state == HEAD) {
            if (!begin_body(c))
                return false;
        } else if (c->state == SIZE_LINE) {
            c->left = strtoul(c->head, NULL, 16), c->head_len = 0;
            c->state = c->left ? CHUNK : TRAILER;
        } else if (c->state == CHUNK_END) {
            c->state = SIZE_LINE, c->head_len = 0;
        } else { /* TRAILER */
            bool is_end = c->head_len == 2;
            c->head_len = 0;
            if (is_end)
                answered(l, c, now);
        }
        if (c->state == CHUNK && c->left == 0)
            c->state = CHUNK_END;
        else if (c->state == LENGTH && c->left == 0)
            answered(l, c, now);
    }
    return true;
}

static void hear(struct load *l, struct conn *c)
{
    static char octets[READ_MAX];
    ssize_t n = recv(c->fd, octets, sizeof octets, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0 && c->waiting > 0) {
        if (!take(l, c, octets, octets + n, now_us()))
            fail(l, c, &l->wrong);
    } else if (n == 0 && c->waiting > 0 && c->state == TO_END) {
        answered(l, c, now_us());
    } else if (c->waiting > 0) {
        fail(l, c, &l->failed);
    } else { /* an idle connection ends: the next request gets another one */
        hang_up(c);
    }
}

static double chance(void)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (double)((x >> 11) + 1) / 9007199254740993.0;
}

static void come(struct load *l, int64_t due)
{
    if (l->due_count == l->due_room) /* far behind: it is lost, and that is told */
        l->failed++;
    else
        l->due[(l->due_first + l->due_count++) % l->due_room] = due;
}

static void start_what_can(struct load *l, int64_t now)
{
    for (size_t turns = l->idles; l->idles > 0 && turns > 0; turns--) {
        if (l->is_open && l->due_count == 0)
            return;
        int64_t due = now;
        if (l->is_open)
            due = l->due[l->due_first], l->due_first = (l->due_first + 1) % l->due_room,
            l->due_count--;
        ask(l, l->idle[--l->idles], due);
    }
}

static void play(struct load *l, double seconds, double rate)
{
    int64_t began = now_us(), end = began + (int64_t)(seconds * 1e6), next = began;
    struct epoll_event got[BATCH];
    for (int64_t now = began; now < end + PATIENCE_US; now = now_us()) {
        for (; l->is_open && next <= now && next < end;
             next += (int64_t)(-log(chance()) / rate * 1e6))
            come(l, next);
        if (now < end || l->due_count > 0)
            start_what_can(l, now);
        else if (!l->is_open || l->idles == l->count)
            break;
        int64_t wait = (now < end ? next : now + 10000) - now; /* a core of its own: it may spin */
        int n = epoll_wait(l->epoll, got, BATCH, l->is_open && wait < 2000 ? 0 : 1);
        for (int i = 0; i < n; i++) {
            struct conn *c = got[i].data.ptr;
            if (c->fd >= 0 && got[i].events & EPOLLOUT && c->unsent > 0)
                send_rest(l, c);
            if (c->fd >= 0 && got[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                hear(l, c);
        }
    }
    double took = (double)(end - began) / 1e6;
    for (size_t i = 0; i < l->count; i++) /* of a closed loop: what was asked in the first half */
        if (l->is_open || l->conns[i].due_us < began + (end - began) / 2)
            l->failed += l->conns[i].waiting;
    printf("{\"seconds\": %.6f, ", took);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void tell(struct load *l)
{
    static const double points[] = {0.5, 0.9, 0.99, 0.999, 1};
    static const char *const names[] = {"p50", "p90", "p99", "p999", "max"};
    if (l->done > 0)
        qsort(l->late_us, l->done, sizeof *l->late_us, compare);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        size_t at = (size_t)(points[i] * (double)l->done);
        uint32_t late = l->done ? l->late_us[at < l->done ? at : l->done - 1] : 0;
        printf("\"%s_us\": %u, ", names[i], late);
    }
    printf("\"requests\": %zu, \"failed\": %zu, \"wrong\": %zu, \"opened\": %zu}\n", l->done,
           l->failed, l->wrong, l->opened);
}

int main(int argc, char **argv)
{
    if (argc != 9)
        return fprintf(stderr, "usage: see load.c\n"), 2;
    struct load l = {.count = strtoul(argv[2], NULL, 10),
                     .depth = (unsigned)atoi(argv[5]),
                     .is_fresh = atoi(argv[6]) != 0,
                     .is_open = atof(argv[4]) > 0,
                     .due_room = 1 << 20,
                     .epoll = epoll_create1(EPOLL_CLOEXEC)};
    l.where = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char *one = read_file(argv[7], &l.request_len);
    l.request = need(malloc(l.request_len * l.depth));
    for (unsigned i = 0; i < l.depth; i++)
        memcpy(l.request + i * l.request_len, one, l.request_len);
    l.body = read_file(argv[8], &l.body_len);
    l.due = need(calloc(l.due_room, sizeof *l.due));
    l.conns = need(calloc(l.count, sizeof *l.conns));
    l.idle = need(calloc(l.count, sizeof(struct conn *)));
    for (size_t i = l.count; i-- > 0;)
        l.conns[i].fd = -1, l.idle[l.idles++] = &l.conns[i];
    play(&l, atof(argv[3]), atof(argv[4]));
    tell(&l);
    return 0;
}

#include "stage.h"

#include "exchange.h"
#include "tenure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUIET_MS = 30, LARGE = 900 * 1024 };

static void must(bool fact)
{
    if (!fact)
        abort();
}

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 512) == 0);
    must(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *port = at.sin_port;
    return fd;
}

struct stage *stage_open(uint32_t conns, int lanes)
{
    struct stage *s = calloc(1, sizeof(*s));
    must(s && ff_dispatcher_open(conns, 75000, 10000, &s->d) == 0);
    s->d->stuck_us = s->d->busy_us = s->d->part_us =
        60000000; /* nobody is late, unless a test says so */
    s->d->alone_ms = 60000;
    s->listener = listen_anywhere(&s->port);
    must(ff_dispatcher_listen(s->d, s->listener) == 0);
    for (int i = 0; i < FF_DEADLINE_CLASSES; i++)
        s->wait_ms[i] = 60000;
    for (int i = 0; i < lanes; i++) {
        must(ff_dispatcher_lease(s->d, (uint16_t)i) == i);
        stage_sit(s, i);
    }
    return s;
}

void stage_close(struct stage *s)
{
    for (int i = 0; i < STAGE_LANES; i++)
        ff_lane_free(s->lane[i]);
    ff_dispatcher_free(s->d);
    ff_sock_close(s->listener);
    ff_networks_close(&s->relays);
    free(s);
}

void stage_sit(struct stage *s, int lane)
{
    struct ff_lane_config config = {.replay = FF_REPLAY_SAFE,
                                    .proxy = s->proxy,
                                    .at_once = s->at_once,
                                    .relays = s->relays,
                                    .trusted = s->relays,
                                    .seat = {s->d->page, s->d->lane[lane]->blocks, (uint16_t)lane,
                                             s->d->lane[lane]->receive_end, s->d->bell},
                                    .limits = {.http = {16384, 8190, 8190, 100, false},
                                               .body = {.overhead = 16384},
                                               .body_buffer = 1 << 16,
                                               .chunked_buffer = 1 << 16,
                                               .spool = s->spool,
                                               .spool_dir = "/tmp"}};
    memcpy(config.wait_ms, s->wait_ms, sizeof(config.wait_ms));
    must(ff_lane_open(&config, &s->lane[lane]) == 0);
    ff_dispatcher_ready(s->d, (uint16_t)lane);
}

int stage_kill(struct stage *s, int lane)
{
    ff_lane_free(s->lane[lane]);
    s->lane[lane] = NULL;
    s->held[lane] = NULL;
    return ff_recovery_run(s->d, &(uint16_t){(uint16_t)lane}, 1, !s->is_from_outside);
}

static void answer(struct stage *s, int i, struct ff_conn *c)
{
    struct ff_lane *lane = s->lane[i];
    struct ff_work *w = c->work;
    const char *head = ff_buffer_head(&w->in);
    static char text[LARGE];
    int n = snprintf(text, sizeof(text), "%d %.*s", i, (int)w->request.target.len,
                     head + w->request.target.at);
    if (w->request.target.len == 6 && memcmp(head + w->request.target.at, "/large", 6) == 0)
        memset(text, 'z', (size_t)(n = LARGE));
    ssize_t more = w->request.has_length || w->request.chunked ? 1 : 0;
    if (more)
        text[n++] = ' ';
    while (more > 0 && (more = ff_exchange_read(lane, c, text + n, sizeof(text) - (size_t)n)) > 0)
        n += (int)more;
    if (more < 0) {
        ff_exchange_abort(lane, c, more == -ETIMEDOUT ? 408 : 400);
        return;
    }
    must(ff_http_response_start(&w->response, &w->out, &w->request,
                                ff_exchange_keeps_alive(lane, c), "200 OK", 6) == 0);
    must(ff_http_response_end_head(&w->response, n, ff_tenure_date(lane)) == 0);
    ff_exchange_write(lane, c, text, (size_t)n);
    ff_exchange_finish(lane, c);
    s->answered[i]++;
}

static void run_lane(struct stage *s, int i)
{
    struct ff_conn *c;
    if (ff_lane_wait(s->lane[i]) < 0)
        return;
    while (!s->held[i] && ff_lane_next(s->lane[i], &c) == 1) {
        const char *target = ff_buffer_head(&c->work->in) + c->work->request.target.at;
        if (strncmp(target, "/hold", 5) == 0)
            s->held[i] = c;
        else
            answer(s, i, c);
    }
}

void stage_finish(struct stage *s, int lane)
{
    struct ff_conn *c = s->held[lane];
    s->held[lane] = NULL;
    answer(s, lane, c);
}

static bool turn(struct stage *s, bool with_lanes)
{
    struct pollfd p[STAGE_LANES + 1] = {{.fd = s->d->poller, .events = POLLIN}};
    for (int i = 0; i < STAGE_LANES; i++)
        p[i + 1] =
            (struct pollfd){.fd = with_lanes && s->lane[i] && !s->held[i] ? s->lane[i]->poller : -1,
                            .events = POLLIN};
    if (poll(p, STAGE_LANES + 1, QUIET_MS) == 0)
        return false;
    int ready[FF_POLLER_BATCH];
    ff_dispatcher_wait(s->d, 0, ready);
    for (int i = 0; i < STAGE_LANES; i++)
        if (p[i + 1].revents)
            run_lane(s, i);
    return true;
}

void stage_step(struct stage *s)
{
    turn(s, true);
}

void stage_run(struct stage *s)
{
    int ready[FF_POLLER_BATCH];
    for (int i = 0; i < 2; i++) {
        while (turn(s, true))
            ;
        ff_dispatcher_wait(s->d, 0, ready); /* lanes return connections without ringing */
    }
}

void stage_run_master(struct stage *s)
{
    while (turn(s, false))
        ;
}

int stage_connect(struct stage *s)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = s->port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    return fd;
}

void stage_send(int client, const char *text)
{
    must(send(client, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

const char *stage_read_now(int client)
{
    static char text[1 << 16];
    ssize_t n = recv(client, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

const char *stage_read(struct stage *s, int client)
{
    stage_run(s);
    return stage_read_now(client);
}

bool stage_is_ended(struct stage *s, int client)
{
    char octet;
    stage_run(s);
    return recv(client, &octet, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

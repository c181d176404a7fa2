/* bus_stage: a hub with a few workers and a bridge, and what tests of the bus do with them. */
#ifndef BUS_STAGE_H
#define BUS_STAGE_H

#include "check.h"
#include "clock.h"
#include "hub.h"
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, BRIDGE = WORKERS, BIG = 3 << 20 };

static struct ff_hub *hub;
static struct ff_link *worker[WORKERS + 1];
static int ends[WORKERS + 1][FF_HUB_PIPES];
static int poller;

/* Lets the hub do what there is to do; how many events there were. */
static inline int turn(void)
{
    struct ff_poller_event e[FF_POLLER_BATCH];
    int n = ff_poller_wait(poller, e, 0);
    hub->now_ms = ff_clock_ms();
    for (int i = 0; i < n; i++)
        ff_hub_event(hub, &e[i]);
    ff_hub_flush(hub);
    return n;
}

static inline void settle(void)
{
    while (turn() > 0)
        ;
}

static inline void join(int i)
{
    uint16_t link = i == BRIDGE ? FF_HUB_BRIDGE : (uint16_t)i;
    uint16_t slot = i == BRIDGE ? FF_SLOT_ELSEWHERE : (uint16_t)i;
    if (ff_hub_join(hub, link, slot, ends[i]) < 0 ||
        ff_link_open(ends[i], hub->limit, hub->policy, &worker[i]) < 0)
        abort();
}

static inline void begin(size_t limit, enum ff_overflow policy)
{
    signal(SIGPIPE, SIG_IGN);
    if (ff_poller_open(&poller) < 0 || ff_hub_open(poller, &hub) < 0)
        abort();
    hub->limit = limit;
    hub->policy = policy;
    for (int i = 0; i < WORKERS; i++)
        join(i);
}

static inline void end(void)
{
    for (int i = 0; i <= BRIDGE; i++) {
        ff_link_free(worker[i]);
        worker[i] = NULL;
    }
    ff_hub_free(hub);
    close(poller);
}

static inline int say_to(int i, uint8_t kind, const char *topic, const char *text, uint16_t to,
                         uint32_t id)
{
    struct ff_frame f = {.kind = kind, .topic_size = (uint8_t)strlen(topic), .to = to, .id = id};
    return ff_link_say(worker[i], &f, topic, text, strlen(text), true);
}

static inline int say(int i, uint8_t kind, const char *topic, const char *text)
{
    int r = say_to(i, kind, topic, text, 0, 0);
    settle();
    return r;
}

/* The next message of worker `i`; false if there is none. */
static inline bool hear(int i, struct ff_message *m)
{
    while (ff_inbox_next(ff_link_inbox(worker[i]), m) == 0)
        if (ff_sock_await(ends[i][FF_HUB_DOWN], false, 0) < 0 || ff_link_hear(worker[i]) <= 0)
            return false;
    return true;
}

static inline bool hears(int i, const char *text)
{
    struct ff_message m;
    return hear(i, &m) && m.frame.total == strlen(text) &&
           memcmp(m.bytes, text, m.frame.total) == 0;
}

static inline bool hears_nothing(int i)
{
    struct ff_message m;
    return !hear(i, &m);
}

/* Asks in a thread, as workers do; `result` is what await gave. */
struct question {
    pthread_t thread;
    int from, result;
    const char *name;
    struct ff_asker asker;
    _Atomic bool is_over;
};

static inline void *ask(void *arg)
{
    struct question *q = arg;
    struct ff_frame f = {.kind = FF_FRAME_REQUEST, .topic_size = (uint8_t)strlen(q->name)};
    q->result = ff_link_ask(worker[q->from], &q->asker, &f, q->name, "?", 1);
    if (q->result == 0)
        q->result = ff_link_await(worker[q->from], &q->asker, ff_clock_us() + 10000000);
    ff_link_forget(worker[q->from], &q->asker);
    atomic_store(&q->is_over, true);
    return NULL;
}

static inline void start(struct question *q, int from, const char *name)
{
    *q = (struct question){.from = from, .name = name};
    if (pthread_create(&q->thread, NULL, ask, q) != 0)
        abort();
}

static inline bool finish(struct question *q, uint8_t kind, const char *text)
{
    while (!atomic_load(&q->is_over))
        turn();
    pthread_join(q->thread, NULL);
    bool is_right = q->result == 0 && q->asker.frame.kind == kind &&
                    q->asker.frame.total == strlen(text) &&
                    memcmp(q->asker.bytes, text, strlen(text)) == 0;
    free(q->asker.bytes);
    return is_right;
}

static inline bool wait_for(int i, struct ff_message *m)
{
    while (!hear(i, m))
        turn();
    return true;
}

#endif

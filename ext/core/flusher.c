#include "flusher.h"

#include "clock.h"
#include "poller.h"
#include "sock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* TURNS: calls to send for one reader, until it is the next one's turn. */
enum { STACK = 128 * 1024, WAIT_MAX_MS = 60000, TURNS = 2 };

struct ff_flusher {
    pthread_mutex_t mutex; /* over the next three */
    struct ff_conn *given, *done;
    bool is_over;
    /* the lane's */
    pthread_t thread;
    bool is_started;
    /* the thread's */
    struct ff_deadlines deadlines;
    struct ff_pace_rule rule;
    int poller;
    int bell; /* rings when something was given, or it is over */
    int wake;
    int64_t now_ms;
};

/* ---- the thread ---- */

static void give_back(struct ff_flusher *f, struct ff_conn *c, int result)
{
    ff_deadlines_clear(&c->deadline);
    ff_poller_remove(f->poller, c->fd);
    c->work->flushed = result;
    pthread_mutex_lock(&f->mutex);
    c->work->next_flushed = f->done;
    f->done = c;
    pthread_mutex_unlock(&f->mutex);
    if (write(f->wake, "", 1) < 0)
        return; /* full: it wakes already */
}

/* Waits for the client to read. */
static void rest(struct ff_flusher *f, struct ff_conn *c)
{
    ff_pace_wait(&c->work->writing, &f->rule, f->now_ms * 1000, ff_conn_taken(c));
    ff_deadlines_set(&f->deadlines, &c->deadline, FF_WAIT_WRITE, f->now_ms);
}

static bool keeps_up(const struct ff_flusher *f, struct ff_conn *c)
{
    return ff_pace_goes_on(&c->work->writing, &f->rule, f->now_ms * 1000, ff_conn_taken(c));
}

static void flush(struct ff_flusher *f, struct ff_conn *c)
{
    int r = keeps_up(f, c) ? 0 : -ETIMEDOUT;
    bool is_closing = c->is_closing;
    c->is_closing = false; /* the lane may be busy: the last octets don't wait for its FIN */
    for (int i = 0; i < TURNS && r >= 0 && ff_conn_has_output(c); i++)
        r = ff_conn_send(c, NULL);
    c->is_closing = is_closing;
    if (r == -EAGAIN || (r >= 0 && ff_conn_has_output(c)))
        rest(f, c);
    else
        give_back(f, c, r < 0 ? r : 0);
}

/* Takes over what was given. False when it is over. */
static bool receive(struct ff_flusher *f)
{
    pthread_mutex_lock(&f->mutex);
    struct ff_conn *c = f->given, *next;
    bool is_over = f->is_over;
    f->given = NULL;
    pthread_mutex_unlock(&f->mutex);
    for (; c; c = next) {
        next = c->work->next_flushed;
        rest(f, c);
        int r = ff_poller_add(f->poller, c->fd, FF_POLL_OUT, (uint64_t)(uintptr_t)c);
        if (r < 0)
            give_back(f, c, r);
    }
    return !is_over;
}

/* The socket has taken nothing since we looked; perhaps the client reads what the kernel holds. */
static void expire(struct ff_flusher *f)
{
    struct ff_deadline *node;
    while ((node = ff_deadlines_expire(&f->deadlines, f->now_ms))) {
        struct ff_conn *c = (struct ff_conn *)node; /* its first member */
        if (keeps_up(f, c))
            ff_deadlines_set(&f->deadlines, node, FF_WAIT_WRITE, f->now_ms);
        else
            give_back(f, c, -ETIMEDOUT);
    }
}

static int timeout_of(const struct ff_flusher *f)
{
    int64_t next = ff_deadlines_next(&f->deadlines);
    if (next == INT64_MAX)
        return -1;
    int64_t left = next - f->now_ms;
    return left <= 0 ? 0 : left > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left + 1;
}

static void *run(void *arg)
{
    struct ff_flusher *f = arg;
    struct ff_poller_event event[FF_POLLER_BATCH];
    uint64_t rings;
    while (receive(f)) {
        int n = ff_poller_wait(f->poller, event, timeout_of(f));
        f->now_ms = ff_clock_us() / 1000;
        for (int i = 0; i < n; i++) {
            if (event[i].tag != 0)
                flush(f, (struct ff_conn *)(uintptr_t)event[i].tag);
            else if (read(f->bell, &rings, sizeof(rings)) < 0)
                continue; /* nobody has rung since */
        }
        expire(f);
    }
    return NULL;
}

/* ---- the lane's side ---- */

static int start(struct ff_flusher *f)
{
    sigset_t all, was;
    pthread_attr_t attributes;
    int r = -pthread_attr_init(&attributes);
    if (r < 0)
        return r;
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all,
                    &was); /* the application's signals are for its own threads */
    f->now_ms = ff_clock_us() / 1000;
    r = -pthread_create(&f->thread, &attributes, run, f);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    pthread_attr_destroy(&attributes);
    f->is_started = r == 0;
    return r;
}

static void ring(struct ff_flusher *f)
{
    uint64_t one = 1;
    if (write(f->bell, &one, sizeof(one)) < 0)
        return; /* full: it rings already */
}

int ff_flusher_open(const int64_t wait_ms[FF_DEADLINE_CLASSES], uint32_t rate, int wake,
                    struct ff_flusher **out)
{
    struct ff_flusher *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    pthread_mutex_init(&f->mutex, NULL);
    int64_t look_ms[FF_DEADLINE_CLASSES];
    memcpy(look_ms, wait_ms, sizeof(look_ms));
    look_ms[FF_WAIT_WRITE] = (wait_ms[FF_WAIT_WRITE] + FF_PACE_LOOKS - 1) / FF_PACE_LOOKS;
    ff_deadlines_init(&f->deadlines, look_ms);
    f->rule = (struct ff_pace_rule){.grace_us = wait_ms[FF_WAIT_WRITE] * 1000, .per_s = rate};
    f->poller = f->bell = -1;
    f->wake = wake;
    int r = ff_poller_open(&f->poller);
    if (r == 0 && (f->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        r = -errno;
    if (r == 0)
        r = ff_poller_add(f->poller, f->bell, FF_POLL_IN, 0);
    if (r == 0)
        *out = f, f = NULL; /* handed over: nothing left to undo */
    ff_flusher_free(f);
    return r;
}

int ff_flusher_give(struct ff_flusher *f, struct ff_conn *c)
{
    int r = f->is_started ? 0 : start(f);
    if (r < 0)
        return r;
    pthread_mutex_lock(&f->mutex);
    c->work->next_flushed = f->given;
    f->given = c;
    pthread_mutex_unlock(&f->mutex);
    ring(f);
    return 0;
}

struct ff_conn *ff_flusher_take(struct ff_flusher *f, int *result)
{
    if (!f->is_started)
        return NULL;
    pthread_mutex_lock(&f->mutex);
    struct ff_conn *c = f->done;
    if (c)
        f->done = c->work->next_flushed;
    pthread_mutex_unlock(&f->mutex);
    if (c)
        *result = c->work->flushed;
    return c;
}

void ff_flusher_detach(struct ff_flusher *f)
{
    f->is_started = false; /* it is the parent's, and so may be the lock of the mutex */
    f->poller = ff_sock_close(f->poller);
    f->bell = ff_sock_close(f->bell);
}

void ff_flusher_free(struct ff_flusher *f)
{
    if (!f)
        return;
    if (f->is_started) {
        pthread_mutex_lock(&f->mutex);
        f->is_over = true;
        pthread_mutex_unlock(&f->mutex);
        ring(f);
        pthread_join(f->thread, NULL);
    }
    ff_sock_close(f->poller);
    ff_sock_close(f->bell);
    free(f);
}

#include "link.h"

#include "clock.h"
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    UP,
    BULK,
    DOWN,
    REPLIES,
    READ = 64 * 1024,
    STACK = 64 * 1024,
    WAIT_MAX_MS = 60000,
    OVER_MS = 100
};

struct ff_link {
    int bulk, down, replies;
    enum ff_overflow policy;
    pthread_mutex_t mutex; /* over what is said: */
    pthread_cond_t is_due;
    struct ff_outbox up;
    uint64_t told; /* of `up.dropped` */
    int64_t wrote_us;
    bool is_gathering, is_blocked, is_over, is_started; /* blocked: the pipe was full */
    pthread_t thread;
    pthread_mutex_t bulk_mutex;
    struct ff_inbox heard;
    pthread_mutex_t reply_mutex; /* over who waits: */
    pthread_cond_t has_come;
    struct ff_asker *askers;
    uint32_t ids;
    bool is_read; /* one of those who wait reads for all */
    struct ff_inbox answers;
    struct ff_answer *later, **last; /* that no thread waits for */
};

int ff_link_open(const int ends[4], size_t limit, enum ff_overflow policy, struct ff_link **out)
{
    struct ff_link *l = calloc(1, sizeof(*l));
    pthread_condattr_t attr;
    if (!l || pthread_condattr_init(&attr) != 0) {
        for (int k = UP; k <= REPLIES; k++)
            ff_sock_close(ends[k]);
        free(l);
        return -ENOMEM;
    }
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    l->up = (struct ff_outbox){.fd = ends[UP], .limit = limit};
    l->bulk = ends[BULK], l->down = ends[DOWN], l->replies = ends[REPLIES];
    l->policy = policy;
    l->last = &l->later;
    fcntl(l->replies, F_SETFL, O_NONBLOCK); /* more than one may read, whoever comes first */
    pthread_mutex_init(&l->mutex, NULL);
    pthread_mutex_init(&l->bulk_mutex, NULL);
    pthread_mutex_init(&l->reply_mutex, NULL);
    pthread_cond_init(&l->is_due, NULL);
    pthread_cond_init(&l->has_come, &attr);
    pthread_condattr_destroy(&attr);
    *out = l;
    return 0;
}

void ff_link_free(struct ff_link *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mutex);
    l->is_over = true;
    pthread_cond_signal(&l->is_due);
    pthread_mutex_unlock(&l->mutex);
    if (l->is_started)
        pthread_join(l->thread, NULL);
    int fds[] = {l->up.fd, l->bulk, l->down, l->replies};
    for (size_t k = 0; k < sizeof(fds) / sizeof(*fds); k++)
        ff_sock_close(fds[k]);
    ff_buffer_close(&l->up.bytes);
    ff_inbox_close(&l->heard);
    ff_inbox_close(&l->answers);
    for (struct ff_answer *a; (a = ff_link_answer(l));)
        free(a);
    pthread_mutex_destroy(&l->mutex);
    pthread_mutex_destroy(&l->bulk_mutex);
    pthread_mutex_destroy(&l->reply_mutex);
    pthread_cond_destroy(&l->is_due);
    pthread_cond_destroy(&l->has_come);
    free(l);
}

/* ---- to say something ---- */

/* Writes what the pipe takes, and then what found no room. With the lock. */
static int write_out(struct ff_link *l)
{
    int r = ff_outbox_write(&l->up, 0);
    if (r == 0 && l->up.dropped > l->told) {
        struct ff_frame f = {.kind = FF_FRAME_DROPPED, .id = (uint32_t)(l->up.dropped - l->told)};
        l->told = l->up.dropped;
        r = ff_outbox_add(&l->up, FF_OVERFLOW_BLOCK, &f, NULL, NULL, 0);
        if (r == 0)
            r = ff_outbox_write(&l->up, 0);
    }
    l->is_blocked = r == -EAGAIN;
    return r;
}

/* Writes what has gathered, for as long as there is something. */
static void *gather(void *arg)
{
    struct ff_link *l = arg;
    struct timespec pause = {.tv_nsec = FF_LINK_GATHER_US * 1000};
    pthread_mutex_lock(&l->mutex);
    while (!l->is_over) {
        if (!l->is_gathering) {
            pthread_cond_wait(&l->is_due, &l->mutex);
            continue;
        }
        bool is_blocked = l->is_blocked;
        pthread_mutex_unlock(&l->mutex);
        if (is_blocked)
            ff_sock_await(l->up.fd, true, OVER_MS);
        else
            nanosleep(&pause, NULL);
        pthread_mutex_lock(&l->mutex);
        l->is_gathering = write_out(l) == -EAGAIN;
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static int start_thread(struct ff_link *l)
{
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return -ENOMEM;
    pthread_attr_setstacksize(&attr, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the application's */
    int r = pthread_create(&l->thread, &attr, gather, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    l->is_started = r == 0;
    return -r;
}

/* Writes, or sees to it that somebody will. With the lock. */
static int send_out(struct ff_link *l, bool now)
{
    int64_t now_us = ff_clock_us();
    bool is_quiet = now_us - l->wrote_us >= FF_LINK_GATHER_US;
    int r = -EAGAIN;
    if (!l->is_blocked && (now || is_quiet || ff_buffer_len(&l->up.bytes) >= FF_LINK_GATHER)) {
        l->wrote_us = now_us;
        r = write_out(l);
    }
    if (r != -EAGAIN || l->is_gathering)
        return r == -EAGAIN ? 0 : r;
    if (!l->is_started && start_thread(l) < 0) {
        l->is_blocked = false; /* it goes out with what is said next */
        return 0;
    }
    l->is_gathering = true;
    pthread_cond_signal(&l->is_due);
    return 0;
}

static int say_in_parts(struct ff_link *l, struct ff_frame *frame, const char *topic,
                        const char *bytes)
{
    struct ff_outbox out = {.fd = l->bulk, .limit = SIZE_MAX / 2};
    int r = 0;
    pthread_mutex_lock(&l->bulk_mutex);
    for (frame->offset = 0; r == 0 && frame->offset < frame->total;) {
        uint32_t left = frame->total - frame->offset;
        uint32_t part = left < FF_FRAME_PART ? left : FF_FRAME_PART;
        frame->size = frame->topic_size + part;
        r = ff_outbox_add(&out, FF_OVERFLOW_BLOCK, frame, topic, bytes + frame->offset, 0);
        /* a message that has begun is not left, whatever interrupts the waiting */
        while (r == 0 && (r = ff_outbox_write(&out, 0)) == -EAGAIN) {
            ff_sock_await(l->bulk, true, -1);
            r = 0;
        }
        frame->offset += part;
    }
    pthread_mutex_unlock(&l->bulk_mutex);
    ff_buffer_close(&out.bytes);
    return r;
}

int ff_link_say(struct ff_link *l, struct ff_frame *frame, const void *topic, const void *bytes,
                size_t n, bool now)
{
    if (n > FF_MESSAGE_MAX)
        return -EMSGSIZE;
    frame->total = (uint32_t)n;
    if (n > FF_FRAME_PART)
        return say_in_parts(l, frame, topic, bytes);
    frame->offset = 0;
    frame->size = frame->topic_size + (uint32_t)n;
    pthread_mutex_lock(&l->mutex);
    enum ff_overflow policy = frame->kind <= FF_FRAME_SEND ? l->policy : FF_OVERFLOW_BLOCK;
    int r = ff_outbox_add(&l->up, policy, frame, topic, bytes, 0);
    if (r == 0)
        r = send_out(l, now);
    pthread_mutex_unlock(&l->mutex);
    return r;
}

void ff_link_lose(struct ff_link *l)
{
    pthread_mutex_lock(&l->mutex);
    l->up.dropped++;
    if (ff_buffer_len(&l->up.bytes) == 0)
        write_out(l);
    pthread_mutex_unlock(&l->mutex);
}

int ff_link_room(struct ff_link *l, int timeout_ms)
{
    int r = ff_sock_await(l->up.fd, true, timeout_ms);
    if (r == 0) {
        pthread_mutex_lock(&l->mutex);
        write_out(l);
        pthread_mutex_unlock(&l->mutex);
    }
    return r;
}

/* ---- to hear something ---- */

static int read_into(int fd, struct ff_inbox *in)
{
    int r = ff_buffer_reserve(&in->bytes, READ);
    if (r < 0)
        return r;
    ssize_t n = read(fd, ff_buffer_tail(&in->bytes), READ);
    if (n < 0)
        return -errno;
    in->bytes.end += (size_t)n;
    return n > 0;
}

int ff_link_hear(struct ff_link *l)
{
    return read_into(l->down, &l->heard);
}

struct ff_inbox *ff_link_inbox(struct ff_link *l)
{
    return &l->heard;
}

int ff_link_fd(const struct ff_link *l, bool of_answers)
{
    return of_answers ? l->replies : l->down;
}

/* ---- to ask ---- */

int ff_link_ask(struct ff_link *l, struct ff_asker *asker, struct ff_frame *frame,
                const void *topic, const void *bytes, size_t n)
{
    pthread_mutex_lock(&l->reply_mutex);
    *asker = (struct ff_asker){.next = l->askers, .id = ++l->ids & ~FF_LINK_LATER};
    l->askers = asker;
    pthread_mutex_unlock(&l->reply_mutex);
    frame->id = asker->id;
    int r = ff_link_say(l, frame, topic, bytes, n, true);
    if (r < 0)
        ff_link_forget(l, asker);
    return r;
}

void ff_link_forget(struct ff_link *l, struct ff_asker *asker)
{
    pthread_mutex_lock(&l->reply_mutex);
    struct ff_asker **p = &l->askers;
    while (*p && *p != asker)
        p = &(*p)->next;
    if (*p)
        *p = asker->next;
    pthread_mutex_unlock(&l->reply_mutex);
}

static int keep(struct ff_link *l, const struct ff_message *m)
{
    struct ff_answer *a = malloc(sizeof(*a) + m->frame.total);
    if (!a)
        return -ENOMEM;
    *a = (struct ff_answer){.frame = m->frame};
    memcpy(a->bytes, m->bytes, m->frame.total);
    *l->last = a;
    l->last = &a->next;
    return 0;
}

static int give(struct ff_link *l, const struct ff_message *m)
{
    struct ff_asker *asker = l->askers;
    while (asker && asker->id != m->frame.id)
        asker = asker->next;
    if (!asker || asker->is_answered)
        return 0; /* it has given up */
    asker->bytes = malloc((size_t)m->frame.total + 1);
    if (!asker->bytes)
        return -ENOMEM;
    memcpy(asker->bytes, m->bytes, m->frame.total);
    asker->frame = m->frame;
    asker->is_answered = true;
    return 0;
}

/* Gives what has come to those who wait for it. 0: the hub is gone; 1; -errno. With the lock. */
static int hand_out(struct ff_link *l)
{
    struct ff_message m;
    int is_there = read_into(l->replies, &l->answers), r;
    if (is_there == -EAGAIN || is_there == -EINTR)
        return 1;
    if (is_there <= 0)
        return is_there;
    while ((r = ff_inbox_next(&l->answers, &m)) > 0) {
        r = m.frame.id & FF_LINK_LATER ? keep(l, &m) : give(l, &m);
        if (r < 0)
            return r;
    }
    pthread_cond_broadcast(&l->has_come);
    return r < 0 ? r : 1;
}

/* One reads for all; until something comes, without the lock. */
static int read_for_all(struct ff_link *l, int timeout_ms)
{
    l->is_read = true;
    pthread_mutex_unlock(&l->reply_mutex);
    int r = ff_sock_await(l->replies, false, timeout_ms);
    pthread_mutex_lock(&l->reply_mutex);
    l->is_read = false;
    if (r == 0)
        r = hand_out(l);
    pthread_cond_broadcast(&l->has_come); /* somebody else reads now */
    return r > 0 ? 0 : r == 0 ? -EPIPE : r;
}

static int wait_for_reader(struct ff_link *l, int64_t until_us)
{
    int64_t at = ff_clock_us() + WAIT_MAX_MS * (int64_t)1000;
    if (until_us < at)
        at = until_us;
    struct timespec when = {.tv_sec = at / 1000000, .tv_nsec = at % 1000000 * 1000};
    pthread_cond_timedwait(&l->has_come, &l->reply_mutex, &when);
    return 0;
}

int ff_link_await(struct ff_link *l, struct ff_asker *asker, int64_t until_us)
{
    int r = 0;
    pthread_mutex_lock(&l->reply_mutex);
    while (r == 0 && !asker->is_answered) {
        int64_t left_ms = (until_us - ff_clock_us() + 999) / 1000;
        if (left_ms <= 0)
            r = -ETIMEDOUT;
        else if (l->is_read)
            r = wait_for_reader(l, until_us);
        else
            r = read_for_all(l, left_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)left_ms);
        if (r == -ETIMEDOUT && ff_clock_us() < until_us)
            r = 0;
        if (r == 0 && l->later)
            r = -EINTR;
    }
    if (asker->is_answered)
        r = 0;
    pthread_mutex_unlock(&l->reply_mutex);
    return r;
}

int ff_link_collect(struct ff_link *l)
{
    pthread_mutex_lock(&l->reply_mutex);
    int r = hand_out(l);
    pthread_mutex_unlock(&l->reply_mutex);
    return r;
}

struct ff_answer *ff_link_answer(struct ff_link *l)
{
    pthread_mutex_lock(&l->reply_mutex);
    struct ff_answer *a = l->later;
    if (a && !(l->later = a->next))
        l->last = &l->later;
    pthread_mutex_unlock(&l->reply_mutex);
    return a;
}

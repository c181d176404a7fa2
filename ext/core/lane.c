#include "lane.h"

#include "clock.h"
#include "tenure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FDS_FOR_APP = 64, SERVICE_SHIFT = 3, FULL_MS = 100, LINGER_MS = 2000 };

/* Poller tags that are no connection's: those have an id, from 1. */
static const uint64_t TAG_CHANNEL = 0, TAG_WAKE = (uint64_t)1 << 24;

/* ---- what comes in ---- */

static void drop_deal(int fd)
{
    ff_sock_close(fd); /* not ours any more, or never: no shutdown */
}

void ff_lane_ring(struct ff_lane *lane)
{
    uint64_t one = 1, looks = atomic_load(&lane->config.seat.page->looks);
    if (lane->rung_at == looks)
        return; /* it has not looked since: it will, for our last ring */
    lane->rung_at = looks;
    if (write(lane->config.seat.bell, &one, sizeof(one)) < 0)
        return; /* full: it rings already */
}

void ff_lane_poke(struct ff_lane *lane)
{
    if (atomic_load(&lane->config.seat.page->all_full))
        ff_lane_ring(lane);
}

/* Claims one dealt connection; NULL when it was taken back meanwhile. */
static struct ff_conn *claim(struct ff_lane *lane, const struct ff_deal *deal, int fd)
{
    struct ff_page *page = lane->config.seat.page;
    struct ff_conn *c = NULL;
    uint64_t mine = ff_word_with(deal->word, FF_READING);
    if (deal->id == 0 && deal->word == FF_NOTICE_LEAVE) {
        lane->must_leave = true;
        return NULL;
    }
    if (deal->id == 0) { /* a ping: we are here */
        ff_page_count(&lane->line->beats, 1);
        ff_lane_ring(lane);
        return NULL;
    }
    atomic_store_explicit(&lane->line->running, 1, memory_order_relaxed); /* before the claim */
    if (deal->id > page->conns_max || !ff_word_claim(&page->conn[deal->id], deal->word, mine)) {
        drop_deal(fd);
        return NULL;
    }
    ff_page_count(&lane->line->claimed, 1);
    if (lane->conn[deal->id]) /* from an earlier deal, taken back since */
        ff_tenure_drop(lane, lane->conn[deal->id]);
    if (fd >= 0)
        c = calloc(1, sizeof(*c));
    if (!c) { /* no descriptor or no memory: another lane may have some */
        atomic_store(&lane->line->is_full, 1);
        drop_deal(fd);
        ff_word_set(&page->conn[deal->id], ff_word_with(deal->word, FF_PARKED));
        ff_return_push(page, lane->config.seat.lane, deal->id);
        ff_lane_ring(lane);
        return NULL;
    }
    const struct ff_base *base = ff_progress_base(&page->conn[deal->id]);
    *c = (struct ff_conn){
        .id = deal->id, .fd = fd, .word = mine, .received = base->rx, .sent = base->tx};
    lane->conn[c->id] = c;
    lane->busy++;
    ff_page_count(&lane->line->connections, 1);
    if (fd >= lane->fd_limit) /* the lowest free number is always used: this is how many are open */
        atomic_store_explicit(&lane->line->is_full, 1, memory_order_relaxed);
    return c;
}

static const char *replay_block(const struct ff_lane *lane, uint32_t replay)
{
    return lane->config.seat.blocks + (size_t)(replay >> 16) % FF_BLOCKS * FF_BLOCK;
}

static void receive_deals(struct ff_lane *lane)
{
    uint32_t sent = atomic_load_explicit(&lane->line->sent, memory_order_relaxed);
    int n = ff_channel_receive(lane->config.seat.channel, lane->deal, lane->deal_fd);
    lane->next_deal = 0;
    lane->deals = n > 0 ? n : 0;
    lane->received = n > 0 ? lane->received + (uint32_t)n : sent;
    if (n == 0) {
        lane->mode = FF_LANE_ENDING;
        ff_poller_remove(lane->poller, lane->config.seat.channel);
    }
}

/* Accepts from the listener that is tagged so; true when there was something. */
static bool accept_some(struct ff_lane *lane, uint64_t tag)
{
    size_t listener = (size_t)((tag - ff_sharer_tag(0)) >> 24);
    if (lane->mode == FF_LANE_LEAVING)
        return false;
    int n =
        ff_sharer_accept(lane->sharer, listener, lane->config.seat.lane, lane->deal, lane->deal_fd);
    if (n < 0) { /* no descriptors: others may have some */
        atomic_store(&lane->line->is_full, 1);
        ff_sharer_unwatch(lane->sharer, lane->poller);
    }
    lane->next_deal = 0;
    lane->deals = n > 0 ? n : 0;
    for (int i = 0; i < lane->deals; i++)
        lane->config.seat.page->conn[lane->deal[i].id].arrived_us = (uint32_t)lane->woken_us;
    return n > 0;
}

/* The server stops: accepts what waits still, until there is nothing more. */
static bool accept_rest(struct ff_lane *lane)
{
    if (!lane->sharer || lane->mode != FF_LANE_ENDING || !lane->sharer->is_watching)
        return false;
    for (size_t i = 0; i < lane->sharer->listeners; i++)
        if (accept_some(lane, ff_sharer_tag(i)))
            return true;
    ff_sharer_unwatch(lane->sharer, lane->poller);
    return false;
}

/* Goes on with one connection that the flusher is done with; the next one at the same event. */
static void take_flushed(struct ff_lane *lane)
{
    int result;
    struct ff_conn *c = ff_flusher_take(lane->flusher, &result);
    if (!c)
        return;
    lane->next_event--;
    ff_tenure_flushed(lane, c, result);
}

/* Handles one event. A connection that can be read, or NULL. */
static struct ff_conn *take_event(struct ff_lane *lane, const struct ff_poller_event *event)
{
    if (event->tag == TAG_CHANNEL) {
        if (lane->mode == FF_LANE_SERVING)
            receive_deals(lane);
        return NULL;
    }
    if (event->tag == TAG_WAKE) {
        char octets[64];
        while (read(lane->wake[0], octets, sizeof(octets)) > 0)
            ;
        take_flushed(lane);
        return NULL;
    }
    if ((event->tag & 0xffffff) == 0) {
        accept_some(lane, event->tag);
        return NULL;
    }
    struct ff_conn *c = lane->conn[event->tag & 0xffffff];
    if (!c || event->tag >> 24 != ff_word_generation(c->word))
        return NULL; /* it went away earlier in this batch */
    if (c->phase == FF_PHASE_LINGER) {
        ff_tenure_drain(lane, c);
        return NULL;
    }
    if (ff_tenure_is_idle(c)) {
        uint64_t mine = ff_word_with(c->word, FF_READING);
        if (!ff_word_claim(ff_tenure_line(lane, c), c->word, mine)) {
            ff_tenure_drop(lane, c);
            return NULL;
        }
        c->word = mine;
        lane->busy++;
    }
    return c;
}

/* Looks at the next thing: deals in hand, deals in the channel, hot connections. True when the
 * request of
 * `*out` can run. */
static bool look_at_next(struct ff_lane *lane, struct ff_conn **out)
{
    lane->arrived_us = (uint32_t)lane->woken_us;
    if (lane->next_deal < lane->deals) {
        int i = lane->next_deal++;
        const struct ff_deal *deal = &lane->deal[i];
        *out = claim(lane, deal, lane->deal_fd[i]);
        if (*out)
            lane->arrived_us = ff_tenure_line(lane, *out)->arrived_us;
        if (*out && deal->replay)
            return ff_tenure_replay(lane, *out, replay_block(lane, deal->replay),
                                    deal->replay & 0xffff);
    } else if (lane->mode ==
                   FF_LANE_SERVING && /* new connections don't wait behind all the hot ones */
               atomic_load_explicit(&lane->line->sent, memory_order_relaxed) != lane->received) {
        receive_deals(lane);
        return false;
    } else {
        *out = take_event(lane, &lane->event[lane->next_event++]);
    }
    return *out && ff_tenure_read(lane, *out);
}

/* How long what can run now has waited for us. */
static uint32_t waited_us(const struct ff_lane *lane)
{
    int32_t us = (int32_t)((uint32_t)lane->now_us - lane->arrived_us);
    return us > 0 ? (uint32_t)us : 0; /* the master's clock was read later than ours */
}

/* Says to the master what we are doing: it deals by this, and takes back when it takes long. */
static void set_running(struct ff_lane *lane, bool is_running, uint64_t done)
{
    int64_t since_us = is_running ? lane->now_us : 0;
    atomic_store_explicit(&lane->line->busy_since_us, since_us, memory_order_relaxed);
    atomic_store_explicit(&lane->line->progress_us, since_us, memory_order_relaxed);
    atomic_store_explicit(&lane->line->requests, done, memory_order_release);
    atomic_store(&lane->line->running, is_running);
}

static uint64_t requests(const struct ff_lane *lane)
{
    return atomic_load_explicit(&lane->line->requests, memory_order_relaxed);
}

static bool is_any_left(struct ff_lane *lane)
{
    return lane->next_deal < lane->deals || lane->next_event < lane->events || accept_rest(lane);
}

int ff_lane_next(struct ff_lane *lane, struct ff_conn **out)
{
    while (lane->again || (lane->mode != FF_LANE_CONDEMNED && is_any_left(lane))) {
        bool is_ready = lane->again != NULL;
        *out = lane->again;
        lane->again = NULL;
        lane->arrived_us = (uint32_t)lane->now_us;
        if (!is_ready)
            is_ready = look_at_next(lane, out);
        if (is_ready) {
            lane->waited_us = waited_us(lane);
            set_running(lane, true, requests(lane));
            return 1;
        }
        if (atomic_load_explicit(&lane->line->running, memory_order_relaxed)) {
            set_running(lane, false, requests(lane)); /* claimed, but nothing to run */
            ff_lane_poke(lane);
        }
    }
    return 0;
}

void ff_lane_count(struct ff_lane *lane, struct ff_conn *c)
{
    int64_t began_us = atomic_load_explicit(&lane->line->busy_since_us, memory_order_relaxed);
    uint32_t mean = atomic_load_explicit(&lane->line->service_us, memory_order_relaxed);
    lane->now_us = ff_clock_us();
    int64_t took = lane->now_us - began_us;
    mean += (uint32_t)(((took < INT32_MAX ? (int32_t)took : INT32_MAX) - (int32_t)mean) >>
                       SERVICE_SHIFT);
    atomic_store_explicit(&lane->line->service_us, mean, memory_order_relaxed);
    ff_histogram_count(&lane->line->took, took);
    ff_histogram_count(&lane->line->waited, lane->waited_us);
    ff_tenure_line(lane, c)->requests++;
    set_running(lane, false, requests(lane) + 1);
    /* counted first, looked then; the master the other way: one of us sees that it was too late */
    if (atomic_load(&lane->line->condemned) == requests(lane))
        lane->mode = FF_LANE_CONDEMNED;
}

/* ---- time ---- */

static void expire(struct ff_lane *lane)
{
    struct ff_deadline *node;
    bool is_given_back = false;
    while ((node = ff_deadlines_expire(&lane->deadlines, lane->now_ms))) {
        struct ff_conn *c = (struct ff_conn *)node; /* its first member */
        uint64_t mine = ff_word_with(c->word, FF_READING);
        if (c->phase == FF_PHASE_LINGER)
            ff_tenure_end(lane, c);
        else if (ff_tenure_is_idle(c) && !ff_word_claim(ff_tenure_line(lane, c), c->word, mine))
            ff_tenure_drop(lane, c);
        else if (c->phase == FF_PHASE_QUIET)
            ff_tenure_give_back(lane, c), is_given_back = true; /* we hold only what is hot */
        else
            ff_tenure_refuse(lane, c, 408);
    }
    if (is_given_back)
        ff_lane_ring(lane);
}

/* Being out of descriptors passes: tells the master when it has. When to look again. */
static int64_t look_for_descriptors(struct ff_lane *lane)
{
    if (lane->mode != FF_LANE_SERVING || !atomic_load(&lane->line->is_full))
        return INT64_MAX;
    int fd = dup(lane->config.seat.bell); /* the lowest free number */
    bool is_full = fd < 0 || fd >= lane->fd_limit;
    ff_sock_close(fd);
    if (is_full)
        return lane->now_ms + FULL_MS;
    atomic_store(&lane->line->is_full, 0);
    if (lane->sharer)
        ff_sharer_watch(lane->sharer, lane->poller);
    ff_lane_poke(lane);
    return INT64_MAX;
}

/* Gives back what is idle; what runs, or is half read, is finished. */
static void leave(struct ff_lane *lane)
{
    lane->mode = FF_LANE_LEAVING;
    atomic_store(&lane->line->is_full, 1);
    ff_poller_remove(lane->poller, lane->config.seat.channel);
    if (lane->sharer)
        ff_sharer_unwatch(lane->sharer, lane->poller);
    while (lane->next_deal < lane->deals) /* still QUEUED: the master deals them again */
        drop_deal(lane->deal_fd[lane->next_deal++]);
    for (uint32_t id = 1; id <= lane->config.seat.page->conns_max; id++) {
        struct ff_conn *c = lane->conn[id];
        if (!c || !ff_tenure_is_idle(c))
            continue;
        if (ff_word_claim(ff_tenure_line(lane, c), c->word, ff_word_with(c->word, FF_READING)))
            ff_tenure_give_back(lane, c);
        else
            ff_tenure_drop(lane, c);
    }
    ff_lane_ring(lane);
}

int ff_lane_wait(struct ff_lane *lane)
{
    if (lane->must_leave && lane->mode == FF_LANE_SERVING)
        leave(lane);
    int64_t next = ff_deadlines_next(&lane->deadlines), look = look_for_descriptors(lane);
    int timeout_ms = -1;
    if (lane->mode >= FF_LANE_CONDEMNED)
        return -ESHUTDOWN;
    if (look < next)
        next = look;
    if (next != INT64_MAX)
        timeout_ms = next <= lane->now_ms          ? 0
                     : next - lane->now_ms > 60000 ? 60000
                                                   : (int)(next - lane->now_ms) + 1;
    bool is_done = lane->mode != FF_LANE_SERVING && lane->busy == 0;
    int n = ff_poller_wait(lane->poller, lane->event, is_done ? 0 : timeout_ms);
    lane->now_us = lane->woken_us = ff_clock_us();
    lane->now_ms = lane->now_us / 1000;
    lane->next_event = 0;
    lane->events = n > 0 ? n : 0;
    if (n < 0)
        return n;
    if (n == 0 && is_done)
        return -ESHUTDOWN;
    if (n == 0 || next <= lane->now_ms)
        expire(lane);
    return 0;
}

/* ---- open, leave, free ---- */

int ff_lane_open(const struct ff_lane_config *config, struct ff_lane **out)
{
    int r = -ENOMEM;
    struct rlimit files = {.rlim_cur = RLIM_INFINITY};
    struct ff_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return r;
    lane->config = *config;
    lane->line = &config->seat.page->lane[config->seat.lane];
    lane->poller = lane->wake[0] = lane->wake[1] = -1;
    lane->now_us = ff_clock_us();
    lane->now_ms = lane->now_us / 1000;
    getrlimit(RLIMIT_NOFILE, &files);
    lane->fd_limit = files.rlim_cur > INT32_MAX ? INT32_MAX : (int)files.rlim_cur - 2 * FDS_FOR_APP;
    lane->config.wait_ms[FF_WAIT_LINGER] = LINGER_MS;
    ff_deadlines_init(&lane->deadlines, lane->config.wait_ms);
    if (config->listener_count > 0) {
        r = ff_sharer_open(config->seat.page, config->listeners, config->listener_count,
                           &lane->sharer);
        if (r < 0)
            goto finish;
        lane->config.seat.page = lane->sharer->page;
        r = -ENOMEM;
    }
    lane->conn = calloc((size_t)config->seat.page->conns_max + 1, sizeof(struct ff_conn *));
    if (!lane->conn || (r = ff_poller_open(&lane->poller)) < 0)
        goto finish;
    if (pipe2(lane->wake, O_NONBLOCK | O_CLOEXEC) < 0)
        r = -errno;
    else if ((r = ff_poller_add(lane->poller, lane->wake[0], FF_POLL_IN, TAG_WAKE)) == 0)
        r = ff_poller_add(lane->poller, config->seat.channel, FF_POLL_IN, TAG_CHANNEL);
    if (r == 0 && lane->sharer)
        r = ff_sharer_watch(lane->sharer, lane->poller);
    if (r == 0)
        r = ff_flusher_open(config->wait_ms, config->limits.rate, lane->wake[1], &lane->flusher);
    if (r == 0)
        *out = lane, lane = NULL; /* handed over: nothing left to undo */
finish:
    ff_lane_free(lane);
    return r;
}

void ff_lane_leave(struct ff_lane *lane)
{
    lane->must_leave = true;
    if (write(lane->wake[1], "", 1) < 0)
        return; /* full: it wakes already */
}

void ff_lane_detach(struct ff_lane *lane)
{
    ff_page_detach(lane->config.seat.page);
    if (lane->sharer)
        ff_page_detach(lane->sharer->home);
    ff_blocks_detach(lane->config.seat.blocks, lane->blocks);
    ff_flusher_detach(lane->flusher);
    lane->mode = FF_LANE_DETACHED;
    lane->events = lane->next_event = 0;
    lane->again = NULL;
    while (lane->next_deal < lane->deals)
        drop_deal(lane->deal_fd[lane->next_deal++]);
    for (uint32_t id = 1; id <= lane->config.seat.page->conns_max; id++)
        if (lane->conn[id]) /* no EPOLL_CTL_DEL: the poller is the parent's, too */
            lane->conn[id]->fd = ff_sock_close(lane->conn[id]->fd);
    lane->poller = ff_sock_close(lane->poller);
    lane->wake[0] = ff_sock_close(lane->wake[0]);
    lane->wake[1] = ff_sock_close(lane->wake[1]);
    lane->config.seat.channel = ff_sock_close(lane->config.seat.channel);
    lane->config.seat.bell = ff_sock_close(lane->config.seat.bell);
}

void ff_lane_free(struct ff_lane *lane)
{
    if (!lane)
        return;
    ff_flusher_free(lane->flusher); /* first: what it had is ours again */
    for (uint32_t id = 1; lane->conn && id <= lane->config.seat.page->conns_max; id++)
        if (lane->conn[id])
            ff_tenure_drop(lane, lane->conn[id]);
    while (lane->next_deal < lane->deals)
        drop_deal(lane->deal_fd[lane->next_deal++]);
    for (struct ff_work *w = lane->spare, *next; w; w = next) {
        next = w->next;
        ff_buffer_close(&w->in);
        ff_buffer_close(&w->out);
        free(w);
    }
    ff_sock_close(lane->wake[0]);
    ff_sock_close(lane->wake[1]);
    ff_sock_close(lane->poller);
    ff_sharer_free(lane->sharer);
    free(lane->conn);
    free(lane);
}

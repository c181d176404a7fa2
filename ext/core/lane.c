#include "lane.h"

#include "balance.h"
#include "clock.h"
#include "duplex.h"
#include "tenure.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SERVICE_SHIFT = 3, FULL_MS = 100 };

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
    /* said before it is claimed: it must not count as neither */
    atomic_store_explicit(&lane->line->running, lane->running + 1, memory_order_relaxed);
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
        ff_tenure_drop_taken(lane); /* the master takes nothing any more; only they keep us */
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
    if (event->tag == FF_LANE_TAG_CHANNEL) {
        if (lane->mode == FF_LANE_SERVING)
            receive_deals(lane);
        return NULL;
    }
    if (event->tag == FF_LANE_TAG_WAKE) {
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
    if (c->phase == FF_PHASE_RUN) {
        ff_duplex_event(lane, c, event->events);
        return NULL;
    }
    return ff_tenure_wake(lane, c) ? c : NULL;
}

/* Looks at the next thing: deals in hand, deals in the channel, hot connections. True when the
 * request of `*out` can run. */
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
    return *out && (lane->config.is_raw ? ff_tenure_run(lane, *out) : ff_tenure_read(lane, *out));
}

/* How long what can run now has waited for us. */
static uint32_t waited_us(const struct ff_lane *lane)
{
    int32_t us = (int32_t)((uint32_t)lane->now_us - lane->arrived_us);
    return us > 0 ? (uint32_t)us : 0; /* the master's clock was read later than ours */
}

/* Says to the master what we are doing: it deals by this, and takes back when it takes long. */
static void say_running(const struct ff_lane *lane)
{
    atomic_store(&lane->line->running, lane->running);
}

static void set_busy(const struct ff_lane *lane, int64_t since_us)
{
    bool is_timed = lane->config.at_once > 0 || !lane->config.is_raw; /* else as long as it likes */
    atomic_store_explicit(&lane->line->progress_us, is_timed ? since_us : 0, memory_order_relaxed);
    if (lane->config.at_once == 0) /* one that runs many is never busy with one */
        atomic_store_explicit(&lane->line->busy_since_us, since_us, memory_order_relaxed);
}

static void begin(struct ff_lane *lane, struct ff_work *w)
{
    w->began_us = lane->now_us;
    w->waited_us = waited_us(lane);
    lane->running++;
    set_busy(lane, lane->now_us);
    say_running(lane);
}

void ff_lane_list(struct ff_lane *lane, struct ff_conn *c)
{
    if (c->work->is_listed)
        return;
    c->work->is_listed = true;
    c->work->next_again = lane->again;
    lane->again = c;
}

/* Takes the first one from the list. */
static struct ff_conn *take_listed(struct ff_lane *lane)
{
    struct ff_conn *c = lane->again;
    lane->again = c->work->next_again;
    c->work->is_listed = false;
    lane->arrived_us = (uint32_t)lane->now_us;
    return c;
}

static uint64_t requests(const struct ff_lane *lane)
{
    return atomic_load_explicit(&lane->line->requests, memory_order_relaxed);
}

static bool is_any_at_hand(const struct ff_lane *lane)
{
    return lane->next_deal < lane->deals || lane->next_event < lane->events;
}

static bool is_any_left(struct ff_lane *lane)
{
    return is_any_at_hand(lane) || accept_rest(lane);
}

bool ff_lane_is_crowded(const struct ff_lane *lane)
{
    uint32_t share = atomic_load_explicit(&lane->config.seat.page->share, memory_order_relaxed);
    uint32_t held = atomic_load_explicit(&lane->line->connections, memory_order_relaxed);
    return ff_balance_is_crowded(held, share) && is_any_at_hand(lane);
}

enum ff_lane_found ff_lane_next(struct ff_lane *lane, struct ff_conn **out)
{
    while (lane->again || (lane->mode != FF_LANE_CONDEMNED && is_any_left(lane))) {
        bool is_ready = lane->again != NULL;
        if (is_ready)
            *out = take_listed(lane);
        else
            is_ready = look_at_next(lane, out);
        if (is_ready && (*out)->work->news)
            return FF_LANE_NEWS;
        if (is_ready) {
            begin(lane, (*out)->work);
            return FF_LANE_REQUEST;
        }
        if (atomic_load_explicit(&lane->line->running, memory_order_relaxed) != lane->running) {
            say_running(lane); /* claimed, but nothing to run */
            ff_lane_poke(lane);
        }
    }
    return FF_LANE_NOTHING;
}

/* The request is over: it has no news any more. */
static void unlist(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_conn **at = &lane->again;
    while (*at != c)
        at = &(*at)->work->next_again;
    *at = c->work->next_again;
    c->work->is_listed = false;
}

void ff_lane_count(struct ff_lane *lane, struct ff_conn *c)
{
    struct ff_work *w = c->work;
    uint32_t mean = atomic_load_explicit(&lane->line->service_us, memory_order_relaxed);
    lane->now_us = ff_clock_us();
    int64_t took = lane->now_us - w->began_us;
    mean += (uint32_t)(((took < INT32_MAX ? (int32_t)took : INT32_MAX) - (int32_t)mean) >>
                       SERVICE_SHIFT);
    atomic_store_explicit(&lane->line->service_us, mean, memory_order_relaxed);
    if (!w->is_tunnel) /* it lasted as long as the client liked */
        ff_histogram_count(&lane->line->took, took);
    ff_histogram_count(&lane->line->waited, w->waited_us);
    ff_tenure_line(lane, c)->requests++;
    if (lane->config.at_once == 0)
        lane->away_us += took;
    if (w->is_listed)
        unlist(lane, c);
    w->news = w->wants = 0;
    lane->running--;
    set_busy(lane, lane->running > 0 ? lane->now_us : 0);
    atomic_store_explicit(&lane->line->requests, requests(lane) + 1, memory_order_release);
    say_running(lane);
    /* counted first, looked then; the master the other way: one of us sees that it was too late */
    if (atomic_load(&lane->line->condemned) == requests(lane))
        lane->mode = FF_LANE_CONDEMNED;
}

void ff_lane_beat(struct ff_lane *lane)
{
    if (lane->running > 0)
        atomic_store_explicit(&lane->line->progress_us, ff_clock_us(), memory_order_relaxed);
}

/* ---- time ---- */

static void expire(struct ff_lane *lane)
{
    struct ff_deadline *node;
    while ((node = ff_deadlines_expire(&lane->deadlines, lane->now_ms))) {
        struct ff_conn *c = (struct ff_conn *)node; /* its first member */
        if (c->phase == FF_PHASE_LINGER)
            ff_tenure_end(lane, c);
        else if (c->phase == FF_PHASE_RUN)
            ff_duplex_expire(lane, c);
        else if (!ff_tenure_wake(lane, c))
            continue;
        else if (c->phase == FF_PHASE_QUIET)
            ff_tenure_give_back(lane, c); /* we hold only what is hot */
        else if (c->phase == FF_PHASE_BODY && ff_tenure_keeps_up(lane, c))
            ff_tenure_rest(lane, c, FF_PHASE_BODY); /* it may have sent more while we were away */
        else
            ff_tenure_refuse(lane, c, 408);
    }
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

/* When to look without an event, on the clock of now_ms; INT64_MAX: never. */
static int64_t next_ms(struct ff_lane *lane)
{
    int64_t next = ff_deadlines_next(&lane->deadlines), look = look_for_descriptors(lane);
    return look < next ? look : next;
}

/* Waits for events, at most until `until_ms`; then what is due is due. */
static int wait_until(struct ff_lane *lane, int64_t until_ms)
{
    int timeout_ms = -1;
    if (lane->mode >= FF_LANE_CONDEMNED)
        return -ESHUTDOWN;
    if (until_ms != INT64_MAX)
        timeout_ms = until_ms <= lane->now_ms          ? 0
                     : until_ms - lane->now_ms > 60000 ? 60000
                                                       : (int)(until_ms - lane->now_ms) + 1;
    if (lane->owes_ring)
        ff_lane_ring(lane);
    lane->owes_ring = false;
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
    expire(lane);
    return 0;
}

int ff_lane_wait(struct ff_lane *lane)
{
    if (lane->must_leave && lane->mode == FF_LANE_SERVING)
        ff_lane_go(lane);
    return wait_until(lane, next_ms(lane));
}

int ff_lane_poll(struct ff_lane *lane)
{
    if (lane->must_leave && lane->mode == FF_LANE_SERVING)
        ff_lane_go(lane);
    look_for_descriptors(lane);
    return wait_until(lane, 0);
}

int64_t ff_lane_due_ms(struct ff_lane *lane)
{
    int64_t next = next_ms(lane), now_ms = ff_clock_us() / 1000;
    if (lane->must_leave && lane->mode == FF_LANE_SERVING)
        return 0; /* it was told among the deals */
    return next == INT64_MAX ? next : next > now_ms ? next - now_ms + 1 : 0;
}

#include "dispatcher.h"

#include "balance.h"
#include "clock.h"
#include "keeper.h"
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Poller tags: the low byte says what it is. */
enum { TAG_LISTENER = 1, TAG_BELL, TAG_WATCHED };
enum { DEALS_PER_PASS = 256, STARVED_MS = 100, FULL_TICK_MS = 100 };

static uint64_t tag_of(int kind, uint32_t value)
{
    return (uint64_t)kind | (uint64_t)value << 8;
}

int ff_dispatcher_open(uint32_t conns_max, int64_t keep_alive_ms, struct ff_dispatcher **out)
{
    int r = -ENOMEM;
    struct ff_dispatcher *d = calloc(1, sizeof(*d));
    if (!d)
        goto finish;
    d->poller = d->bell = -1;
    d->keep_alive_ms = keep_alive_ms;
    d->now_ms = ff_clock_ms();
    if ((r = ff_page_open(conns_max, &d->page)) < 0 ||
        (r = ff_escrow_open(&d->escrow, d->page)) < 0 || (r = ff_poller_open(&d->poller)) < 0)
        goto finish;
    d->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    r = d->bell < 0 ? -errno : ff_poller_add(d->poller, d->bell, FF_POLL_IN, TAG_BELL);
    if (r == 0)
        *out = d, d = NULL; /* handed over: nothing left to undo */
finish:
    ff_dispatcher_free(d);
    return r;
}

void ff_dispatcher_free(struct ff_dispatcher *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->lanes; i++) {
        ff_dispatcher_release(d, (uint16_t)i);
        free(d->lane[i]);
    }
    ff_escrow_close(&d->escrow);
    ff_page_free(d->page);
    ff_sock_close(d->bell);
    ff_sock_close(d->poller);
    free(d);
}

/* ---- listeners and watched descriptors ---- */

static void poll_listeners(struct ff_dispatcher *d, bool on)
{
    if (d->is_listening == on)
        return;
    d->is_listening = on;
    for (size_t i = 0; i < d->listeners; i++) {
        d->listener[i].is_readable = false;
        ff_poller_change(d->poller, d->listener[i].fd, on ? FF_POLL_IN : FF_POLL_NONE,
                         tag_of(TAG_LISTENER, (uint32_t)i));
    }
}

int ff_dispatcher_listen(struct ff_dispatcher *d, int fd)
{
    if (d->listeners == FF_LISTENERS_MAX)
        return -ENOSPC;
    uint32_t events = d->is_listening ? FF_POLL_IN : FF_POLL_NONE;
    int r = ff_poller_add(d->poller, fd, events, tag_of(TAG_LISTENER, (uint32_t)d->listeners));
    if (r < 0)
        return r;
    d->listener[d->listeners] = (struct ff_listener){.fd = fd};
    return (int)d->listeners++;
}

int ff_dispatcher_watch(struct ff_dispatcher *d, int fd)
{
    return ff_poller_add(d->poller, fd, FF_POLL_IN, tag_of(TAG_WATCHED, (uint32_t)fd));
}

int ff_dispatcher_unwatch(struct ff_dispatcher *d, int fd)
{
    return ff_poller_remove(d->poller, fd);
}

/* ---- lanes ---- */

static uint32_t lane_room(const struct ff_dispatcher *d, size_t i)
{
    const struct ff_master_lane *lane = d->lane[i];
    const struct ff_lane_line *line = &d->page->lane[i];
    uint32_t claimed = atomic_load(&line->claimed);
    if (!lane->is_ready || atomic_load(&line->is_full) ||
        (lane->is_stalled && claimed == lane->stalled_at))
        return 0;
    return ff_balance_room(lane->dealt, claimed, FF_DEAL_WINDOW);
}

static int free_lane(struct ff_dispatcher *d)
{
    size_t i = 0;
    while (i < d->lanes && d->lane[i]->receive_end >= 0)
        i++;
    if (i == FF_LANES_MAX)
        return -ENOSPC;
    if (i == d->lanes) {
        d->lane[i] = calloc(1, sizeof(*d->lane[i]));
        if (!d->lane[i])
            return -ENOMEM;
        d->lane[i]->send_end = d->lane[i]->receive_end = -1;
        d->lanes++;
    }
    return (int)i;
}

int ff_dispatcher_lease(struct ff_dispatcher *d)
{
    int i = free_lane(d);
    if (i < 0)
        return i;
    struct ff_master_lane *lane = d->lane[i];
    int r = ff_channel_open(&lane->send_end, &lane->receive_end);
    return r < 0 ? r : i;
}

void ff_dispatcher_ready(struct ff_dispatcher *d, uint16_t lane)
{
    d->lane[lane]->is_ready = d->lane[lane]->send_end >= 0; /* no more once the server stops */
    d->room[lane] = lane_room(d, lane);
    ff_dispatcher_deal(d);
}

void ff_dispatcher_rest(struct ff_dispatcher *d, uint16_t lane)
{
    d->lane[lane]->is_ready = false;
    d->room[lane] = 0;
}

void ff_dispatcher_release(struct ff_dispatcher *d, uint16_t lane)
{
    ff_dispatcher_rest(d, lane);
    d->lane[lane]->send_end = ff_sock_close(d->lane[lane]->send_end);
    d->lane[lane]->receive_end = ff_sock_close(d->lane[lane]->receive_end);
}

/* ---- dealing ---- */

/* What is known of a lane's room only shrinks while dealing: it is read anew when it is used up,
 * so that a deal costs the same with one lane and with many. */
static int choose(struct ff_dispatcher *d)
{
    if (d->cursor < d->lanes && d->room[d->cursor] == 0)
        d->room[d->cursor] = lane_room(d, d->cursor);
    int lane = ff_balance_rotate(d->room, d->lanes, &d->cursor);
    if (lane >= 0)
        return lane;
    for (size_t i = 0; i < d->lanes; i++)
        d->room[i] = lane_room(d, i);
    return ff_balance_rotate(d->room, d->lanes, &d->cursor);
}

static void send_batch(struct ff_dispatcher *d, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    uint32_t n = lane->batched;
    lane->batched = 0;
    if (ff_channel_send(lane->send_end, lane->batch, lane->batch_fds, n) == 0)
        return;
    lane->is_stalled = true; /* until it claims something: then its queue has room again */
    lane->stalled_at = atomic_load(&d->page->lane[i].claimed);
    d->room[i] = 0;
    for (uint32_t k = 0; k < n; k++) {
        ff_escrow_take(&d->escrow, lane->batch[k].id, i, FF_QUEUED);
        ff_escrow_move(&d->escrow, lane->batch[k].id, FF_LIST_WAITING, d->now_ms);
    }
    lane->dealt -= n;
    lane->dealt_in_all -= n;
    d->stats.dealt -= n;
}

static void deal_one(struct ff_dispatcher *d, uint32_t id, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    lane->batch_fds[lane->batched] = d->escrow.entry[id].fd;
    lane->batch[lane->batched] =
        (struct ff_deal){.id = id, .word = ff_escrow_deal(&d->escrow, id, i, d->now_ms)};
    lane->dealt++;
    lane->dealt_in_all++;
    lane->is_stalled = false;
    d->room[i]--;
    d->stats.dealt++;
    if (++lane->batched == FF_CHANNEL_BATCH)
        send_batch(d, i);
}

static void starve(struct ff_dispatcher *d)
{
    d->stats.accept_errors++;
    d->starved_until_ms = d->now_ms + STARVED_MS;
    poll_listeners(d, false);
}

/* Admits the next new connection: its id, or 0 when there is none (or no room for it). */
static uint32_t accept_one(struct ff_dispatcher *d)
{
    for (size_t step = 0; step < d->listeners; step++) {
        size_t i = (d->next_listener + step) % d->listeners;
        struct ff_listener *listener = &d->listener[i];
        if (!listener->is_readable)
            continue;
        if (!ff_escrow_has_room(&d->escrow)) {
            starve(d);
            return 0;
        }
        struct ff_peer peer;
        int fd, r = ff_sock_accept(listener->fd, &fd, &peer);
        if (r == 0) {
            d->next_listener = i + 1;
            d->stats.accepted++;
            return ff_escrow_admit(&d->escrow, fd, &peer, (uint16_t)i, d->now_ms);
        }
        listener->is_readable = false;
        if (r != -EAGAIN) {
            /* no descriptors or memory: the client waits in the backlog, we don't spin */
            starve(d);
            return 0;
        }
    }
    return 0;
}

/* The next connection that needs a lane: new ones and waiting ones by turns, so that neither
 * starves. */
static uint32_t next_conn(struct ff_dispatcher *d)
{
    uint32_t waiting = d->escrow.list[FF_LIST_WAITING].first;
    d->turn = !d->turn;
    if (waiting && d->turn)
        return waiting;
    uint32_t id = accept_one(d);
    return id ? id : waiting;
}

/* No lane has room. Says so in the page and looks once more, so that a lane which found room in
 * between is either seen here or sees the flag and rings. */
static bool all_full(struct ff_dispatcher *d)
{
    atomic_store(&d->page->all_full, 1);
    for (size_t i = 0; i < d->lanes; i++)
        if (lane_room(d, i) > 0)
            return false;
    return true;
}

static bool has_ready_lane(const struct ff_dispatcher *d)
{
    size_t i = 0;
    while (i < d->lanes && !d->lane[i]->is_ready)
        i++;
    return i < d->lanes;
}

static void end_lanes(struct ff_dispatcher *d)
{
    if (d->escrow.list[FF_LIST_WAITING].count > 0 && has_ready_lane(d))
        return;
    ff_keeper_end_waiting(d);
    for (size_t i = 0; i < d->lanes; i++) {
        ff_dispatcher_rest(d, (uint16_t)i);
        d->lane[i]->send_end = ff_sock_close(d->lane[i]->send_end);
    }
}

void ff_dispatcher_deal(struct ff_dispatcher *d)
{
    bool is_full = false;
    if (d->is_ending)
        ff_keeper_end_parked(d);
    atomic_store(&d->page->all_full, 0);
    for (int n = 0; n < DEALS_PER_PASS; n++) {
        size_t cursor = d->cursor;
        int lane = choose(d);
        if (lane < 0) {
            if ((is_full = all_full(d)))
                break;
            atomic_store(&d->page->all_full, 0);
            continue;
        }
        uint32_t id = next_conn(d);
        if (!id) {
            d->cursor = cursor; /* nobody used the turn */
            break;
        }
        deal_one(d, id, (uint16_t)lane);
    }
    for (size_t i = 0; i < d->lanes; i++)
        if (d->lane[i]->batched > 0)
            send_batch(d, (uint16_t)i);
    if (!d->is_closing && d->starved_until_ms == 0)
        poll_listeners(d, !is_full);
    if (d->is_ending)
        end_lanes(d);
}

/* ---- the end ---- */

void ff_dispatcher_stop_accepting(struct ff_dispatcher *d, bool drain_backlog)
{
    if (d->is_closing)
        return;
    for (size_t i = 0; i < d->listeners; i++)
        d->listener[i].is_readable = drain_backlog;
    while (accept_one(d))
        continue;
    d->is_closing = true;
    for (size_t i = 0; i < d->listeners; i++)
        ff_poller_remove(d->poller, d->listener[i].fd);
    d->listeners = 0;
    ff_dispatcher_deal(d);
}

void ff_dispatcher_close_channels(struct ff_dispatcher *d)
{
    d->is_ending = true;
    atomic_store(&d->page->is_ending, 1);
    ff_dispatcher_deal(d);
}

/* ---- the loop ---- */

static int ms_until(int64_t now_ms, int64_t at_ms)
{
    if (at_ms == INT64_MAX)
        return -1;
    return at_ms <= now_ms ? 0 : at_ms - now_ms > 60000 ? 60000 : (int)(at_ms - now_ms);
}

/* How long the poller may sleep: the master's own appointments, at most until `until_ms`. */
static int sleep_ms(const struct ff_dispatcher *d, int64_t until_ms)
{
    int64_t at = ff_keeper_next(d);
    if (until_ms < at)
        at = until_ms;
    if (d->starved_until_ms && d->starved_until_ms < at)
        at = d->starved_until_ms;
    /* all full: the bell wakes us; this is for a lane that died ringing */
    if (d->escrow.list[FF_LIST_WAITING].count > 0 && d->now_ms + FULL_TICK_MS < at)
        at = d->now_ms + FULL_TICK_MS;
    for (size_t i = 0; i < d->listeners; i++)
        if (d->is_listening && d->listener[i].is_readable)
            return 0; /* a pass ended at its budget */
    return ms_until(d->now_ms, at);
}

static int handle(struct ff_dispatcher *d, const struct ff_poller_event *events, int n, int *ready)
{
    int found = 0;
    for (int i = 0; i < n; i++) {
        uint32_t value = (uint32_t)(events[i].tag >> 8);
        switch (events[i].tag & 0xff) {
        case TAG_LISTENER:
            d->listener[value].is_readable = true;
            break;
        case TAG_BELL: {
            uint64_t rings;
            if (read(d->bell, &rings, sizeof(rings)) < 0)
                break; /* somebody else's wake-up was enough */
            break;
        }
        case TAG_WATCHED:
            ready[found++] = (int)value;
            break;
        default:
            ff_keeper_event(d, events[i].tag);
        }
    }
    return found;
}

int ff_dispatcher_wait(struct ff_dispatcher *d, int timeout_ms, int *ready)
{
    d->now_ms = ff_clock_ms();
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : d->now_ms + timeout_ms;
    for (;;) {
        struct ff_poller_event events[FF_POLLER_BATCH];
        int n = ff_poller_wait(d->poller, events, sleep_ms(d, until_ms));
        if (n < 0)
            return n;
        d->now_ms = ff_clock_ms();
        if (d->starved_until_ms && d->now_ms >= d->starved_until_ms)
            d->starved_until_ms = 0;
        int found = handle(d, events, n, ready);
        ff_keeper_collect(d);
        ff_keeper_expire(d);
        ff_dispatcher_deal(d);
        if (found > 0 || d->now_ms >= until_ms)
            return found;
    }
}

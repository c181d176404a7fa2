#include "dispatcher.h"

#include "clock.h"
#include "dealer.h"
#include "handover.h"
#include "keeper.h"
#include "poller.h"
#include "shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Poller tags: the low byte says what it is. */
enum { TAG_LISTENER = 1, TAG_BELL, TAG_WATCHED, TAG_HUB = FF_HUB_TAG };
enum { FULL_TICK_MS = 500 };

static uint64_t tag_of(int kind, uint32_t value)
{
    return (uint64_t)kind | (uint64_t)value << 8;
}

void ff_dispatcher_tick(struct ff_dispatcher *d)
{
    d->now_us = ff_clock_us();
    d->now_ms = d->now_us / 1000;
}

bool ff_dispatcher_is_over(struct ff_dispatcher *d, int64_t since_us)
{
    bool is_over = ff_clock_us() - since_us >= d->part_us;
    d->has_more = d->has_more || is_over;
    return is_over;
}

int ff_dispatcher_make(const struct ff_inheritance *from, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out)
{
    int r = -ENOMEM;
    struct ff_dispatcher *d = calloc(1, sizeof(*d));
    if (!d)
        goto finish;
    d->poller = -1;
    d->bell = from->bell;
    d->page_fd = from->page_fd;
    d->blocks_fd = from->blocks_fd;
    d->keep_alive_ms = keep_alive_ms;
    d->silence_ms = d->half_ms = silence_ms;
    d->busy_us = FF_BUSY_US;
    d->stuck_us = FF_STUCK_US;
    d->quiet_us = FF_QUIET_US;
    d->part_us = FF_PART_US;
    d->alone_ms = FF_ALONE_MS;
    d->may_replay = true;
    ff_dispatcher_tick(d);
    if ((r = ff_page_map(d->page_fd, from->conns_max, &d->page)) < 0 ||
        (r = ff_blocks_map(d->blocks_fd, &d->blocks)) < 0 ||
        (r = ff_escrow_open(&d->escrow, d->page)) < 0 || (r = ff_poller_open(&d->poller)) < 0 ||
        (r = ff_hub_open(d->poller, &d->hub)) < 0 ||
        (r = ff_poller_add(d->poller, d->bell, FF_POLL_IN, TAG_BELL)) < 0)
        goto finish;
    *out = d, d = NULL; /* handed over: nothing left to undo */
finish:
    ff_dispatcher_free(d);
    return r;
}

int ff_dispatcher_open(uint32_t conns_max, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out)
{
    struct ff_inheritance fresh = {.conns_max = conns_max, .page_fd = -1, .blocks_fd = -1};
    int r = ff_shared_open("ff-page", &fresh.page_fd);
    if (r == 0)
        r = ff_shared_open("ff-blocks", &fresh.blocks_fd);
    fresh.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r == 0 && fresh.bell < 0)
        r = -errno;
    if (r == 0)
        return ff_dispatcher_make(&fresh, keep_alive_ms, silence_ms, out);
    ff_sock_close(fresh.page_fd);
    ff_sock_close(fresh.blocks_fd);
    ff_sock_close(fresh.bell);
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
    ff_hub_free(d->hub);
    ff_escrow_close(&d->escrow);
    ff_blocks_free(d->blocks);
    ff_page_free(d->page);
    ff_sock_close(d->page_fd);
    ff_sock_close(d->blocks_fd);
    ff_sock_close(d->bell);
    ff_sock_close(d->poller);
    free(d);
}

/* ---- listeners and watched descriptors ---- */

void ff_dispatcher_poll_listeners(struct ff_dispatcher *d, bool on)
{
    if (d->is_listening == on)
        return;
    d->is_listening = on;
    for (size_t i = 0; i < d->listeners; i++) {
        d->listener[i].is_readable = false;
        d->listener[i].is_late = true;
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

int ff_dispatcher_lease(struct ff_dispatcher *d, uint16_t slot)
{
    int i = slot < FF_LANES_MAX ? free_lane(d) : -EINVAL;
    if (i < 0)
        return i;
    struct ff_master_lane *lane = d->lane[i];
    int r = ff_channel_open(&lane->send_end, &lane->receive_end);
    lane->blocks = ff_blocks_of(d->blocks, (uint16_t)i);
    lane->slot = slot;
    if (slot >= d->slots)
        d->slots = (size_t)slot + 1;
    return r < 0 ? r : i;
}

void ff_dispatcher_ready(struct ff_dispatcher *d, uint16_t lane)
{
    d->lane[lane]->is_ready = d->lane[lane]->send_end >= 0; /* no more once the server stops */
    ff_dealer_deal(d);
}

void ff_dispatcher_rest(struct ff_dispatcher *d, uint16_t lane)
{
    d->lane[lane]->is_ready = false;
}

void ff_dispatcher_leave(struct ff_dispatcher *d, uint16_t lane)
{
    ff_dispatcher_rest(d, lane);
    ff_keeper_clear(d, lane); /* so that the notice finds room */
    d->lane[lane]->is_leaving = true;
    if (d->lane[lane]->send_end >= 0)
        ff_channel_tell(d->lane[lane]->send_end, FF_NOTICE_LEAVE);
    ff_dealer_deal(d);
}

void ff_dispatcher_release(struct ff_dispatcher *d, uint16_t lane)
{
    ff_dispatcher_rest(d, lane);
    d->lane[lane]->send_end = ff_sock_close(d->lane[lane]->send_end);
    d->lane[lane]->receive_end = ff_sock_close(d->lane[lane]->receive_end);
}

/* ---- the end ---- */

static bool has_ready_lane(const struct ff_dispatcher *d)
{
    size_t i = 0;
    while (i < d->lanes && !d->lane[i]->is_ready)
        i++;
    return i < d->lanes;
}

static void end_lanes(struct ff_dispatcher *d)
{
    if (d->escrow.list[FF_LIST_WAITING].count + d->escrow.list[FF_LIST_SUSPECT].count > 0 &&
        has_ready_lane(d))
        return;
    ff_keeper_end_waiting(d);
    d->may_replay = false; /* nobody is left to run it */
    for (size_t i = 0; i < d->lanes; i++) {
        ff_dispatcher_rest(d, (uint16_t)i);
        d->lane[i]->send_end = ff_sock_close(d->lane[i]->send_end);
    }
}

/* Deals; while the server stops, closes what has nothing more to say, and the channels at last. */
static void deal(struct ff_dispatcher *d)
{
    if (d->is_ending)
        ff_keeper_end_parked(d);
    ff_dealer_deal(d);
    if (d->is_ending)
        end_lanes(d);
}

void ff_dispatcher_stop_accepting(struct ff_dispatcher *d, bool drain_backlog)
{
    if (d->is_closing)
        return;
    if (drain_backlog)
        ff_dealer_accept_all(d);
    d->is_closing = true;
    for (size_t i = 0; i < d->listeners; i++)
        ff_poller_remove(d->poller, d->listener[i].fd);
    d->listeners = 0;
    ff_dealer_deal(d);
}

void ff_dispatcher_close_channels(struct ff_dispatcher *d)
{
    d->is_ending = true;
    atomic_store(&d->page->is_ending, 1);
    deal(d);
}

/* ---- the loop ---- */

static int ms_until(int64_t now_ms, int64_t at_ms)
{
    if (at_ms == INT64_MAX)
        return -1;
    return at_ms <= now_ms ? 0 : at_ms - now_ms > 60000 ? 60000 : (int)(at_ms - now_ms);
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* How long the poller may sleep: the master's own appointments, at most until `until_ms`. */
static int sleep_ms(const struct ff_dispatcher *d, int64_t until_ms)
{
    int64_t at = ff_keeper_next(d), hub_at = ff_hub_next(d->hub);
    if (ff_hub_has_mail(d->hub) || d->has_more)
        return 0;
    at = earlier(earlier(at, hub_at), until_ms);
    if (d->starved_until_ms)
        at = earlier(at, d->starved_until_ms);
    if (d->escrow.list[FF_LIST_WAITING].count > 0) {
        if (!d->is_full && !d->is_blocked)
            return 0; /* the pass ended at its budget */
        /* the bell wakes us; this is for a lane that died ringing */
        at = earlier(at, d->now_ms + FULL_TICK_MS);
    }
    for (size_t i = 0; i < d->listeners; i++)
        if (d->is_listening && d->listener[i].is_readable)
            return 0;
    return ms_until(d->now_ms, at);
}

static void hear_bell(const struct ff_dispatcher *d)
{
    uint64_t rings;
    if (read(d->bell, &rings, sizeof(rings)) < 0)
        return; /* heard already */
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
        case TAG_BELL:
            hear_bell(d);
            break;
        case TAG_WATCHED:
            ready[found++] = (int)value;
            break;
        case TAG_HUB:
            ff_hub_event(d->hub, &events[i]);
            break;
        default:
            ff_keeper_event(d, &events[i]);
        }
    }
    return found;
}

/* Ends the worker of lane `i` for the request that runs there, unless that has just ended: from
 * here on the lane begins no other. */
static bool condemn(struct ff_dispatcher *d, size_t i)
{
    struct ff_lane_line *line = &d->page->lane[i];
    uint64_t done = atomic_load(&line->requests); /* read before the time: it is of a later one */
    int64_t at_us = atomic_load(&line->progress_us);
    if (at_us == 0 || d->now_us - at_us < d->timeout_us)
        return false;
    atomic_store(&line->condemned, done + 1);
    (void)atomic_load(&line->running); /* what was counted before it was set is seen now */
    if (atomic_load(&line->requests) != done) {
        atomic_store(&line->condemned, 0);
        return false;
    }
    d->lane[i]->timed_out_at = done;
    return true;
}

/* Has a request timed out since the last look? It needs no appointment: whoever holds a connection
 * is looked at often (keeper). */
static bool find_timed_out(struct ff_dispatcher *d)
{
    bool found = false;
    if (d->timeout_us == 0)
        return false;
    /* of what lanes accept by themselves the escrow knows nothing */
    bool all = d->policy == FF_POLICY_SHARED;
    for (size_t i = all ? 0 : ff_escrow_holder(&d->escrow, 0); i < d->lanes;
         i = all ? i + 1 : ff_escrow_holder(&d->escrow, i + 1)) {
        if (d->lane[i]->is_timed_out || !condemn(d, i))
            continue;
        d->lane[i]->is_timed_out = found = true;
    }
    return found;
}

int ff_dispatcher_wait(struct ff_dispatcher *d, int timeout_ms, int *ready)
{
    ff_dispatcher_tick(d);
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : d->now_ms + timeout_ms;
    for (;;) {
        struct ff_poller_event events[FF_POLLER_BATCH];
        int n = ff_poller_wait(d->poller, events, sleep_ms(d, until_ms));
        if (n < 0)
            return n;
        ff_dispatcher_tick(d);
        if (d->starved_until_ms && d->now_ms >= d->starved_until_ms)
            d->starved_until_ms = 0;
        d->hub->now_ms = d->now_ms;
        d->has_more = false;
        int found = handle(d, events, n, ready);
        ff_hub_flush(d->hub);
        /* the bell is read: whoever rings from here on wakes us again */
        atomic_fetch_add(&d->page->looks, 1);
        ff_keeper_collect(d);
        ff_keeper_expire(d);
        ff_keeper_relieve(d);
        deal(d);
        ff_dealer_share_out(d);
        if (find_timed_out(d) || d->is_short || found > 0 || ff_hub_has_mail(d->hub) ||
            d->now_ms >= until_ms)
            return found;
    }
}

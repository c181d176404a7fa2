#include "keeper.h"

#include "poller.h"

#include <errno.h>
#include <sys/socket.h>

enum { TAG_CONN = 4 /* beside the dispatcher's own tags */, COLLECT_MS = 1000 };

uint64_t ff_keeper_tag(const struct ff_dispatcher *d, uint32_t id)
{
    return TAG_CONN | (uint64_t)id << 8 | d->escrow.entry[id].generation << 32;
}

static void release(struct ff_dispatcher *d, uint32_t id, bool is_shut)
{
    uint16_t list = d->escrow.entry[id].list;
    if (list == FF_LIST_PARKED || list == FF_LIST_LINGER)
        ff_poller_remove(d->poller, d->escrow.entry[id].fd);
    ff_escrow_release(&d->escrow, id, is_shut);
    d->stats.closed++;
    d->starved_until_ms = 0; /* a descriptor came back */
}

/* Keeps `id` in `list` and lets the poller tell when its client says something. */
static void keep(struct ff_dispatcher *d, uint32_t id, uint16_t list)
{
    ff_escrow_move(&d->escrow, id, list, d->now_ms);
    if (ff_poller_add(d->poller, d->escrow.entry[id].fd, FF_POLL_IN, ff_keeper_tag(d, id)) < 0)
        release(d, id, false);
}

/* What a lane gave up. It is believed only where its own word and the private owner agree. */
static void take_in(struct ff_dispatcher *d, uint32_t id, uint16_t lane)
{
    if (!ff_escrow_is_in(&d->escrow, id, lane))
        return;
    uint64_t generation = d->escrow.entry[id].generation;
    uint64_t word = atomic_load_explicit(&d->page->conn[id].word, memory_order_acquire);
    if (word == ff_word(FF_CLOSED, lane, generation))
        release(d, id, true);
    else if (word == ff_word(FF_LINGER, lane, generation))
        keep(d, id, FF_LIST_LINGER);
    else if (word == ff_word(FF_PARKED, lane, generation))
        keep(d, id, FF_LIST_PARKED);
}

static void collect_lane(struct ff_dispatcher *d, uint16_t lane)
{
    uint32_t id = ff_return_take(d->page, lane);
    for (uint32_t n = 0; id > 0 && id <= d->page->conns_max && n < d->page->conns_max; n++) {
        uint32_t next = ff_return_next(d->page, id);
        take_in(d, id, lane);
        id = next;
    }
}

void ff_keeper_collect(struct ff_dispatcher *d)
{
    for (size_t i = 0; i < d->lanes; i++)
        collect_lane(d, (uint16_t)i);
}

/* Reads and drops what the client still sends; the answer is out, so only the end matters. */
static void drain(struct ff_dispatcher *d, uint32_t id)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    char trash[4096];
    ssize_t n = recv(entry->fd, trash, sizeof(trash), MSG_DONTWAIT);
    if (n > 0)
        entry->drained = (uint16_t)(entry->drained + (n + 1023) / 1024);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || entry->drained > FF_LINGER_KIB)
        release(d, id, false);
}

/* A parked client said something: a request, or goodbye. */
static void unpark(struct ff_dispatcher *d, uint32_t id)
{
    char octet;
    ssize_t n = recv(d->escrow.entry[id].fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) {
        ff_poller_remove(d->poller, d->escrow.entry[id].fd);
        ff_escrow_move(&d->escrow, id, FF_LIST_WAITING, d->now_ms);
        d->stats.redealt++;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        release(d, id, false);
    }
}

void ff_keeper_event(struct ff_dispatcher *d, uint64_t tag)
{
    uint32_t id = (uint32_t)(tag >> 8 & 0xffffff);
    if (id == 0 || id > d->escrow.touched || ff_keeper_tag(d, id) != tag)
        return; /* the connection went away earlier in this batch of events */
    if (d->escrow.entry[id].list == FF_LIST_LINGER)
        drain(d, id);
    else if (d->escrow.entry[id].list == FF_LIST_PARKED)
        unpark(d, id);
}

void ff_keeper_end_parked(struct ff_dispatcher *d)
{
    uint32_t id;
    while ((id = d->escrow.list[FF_LIST_PARKED].first)) {
        unpark(d, id);
        if (ff_escrow_is_in(&d->escrow, id, FF_LIST_PARKED))
            release(d, id, false);
    }
}

void ff_keeper_end_waiting(struct ff_dispatcher *d)
{
    uint32_t id;
    while ((id = d->escrow.list[FF_LIST_WAITING].first))
        release(d, id, false);
}

static int64_t due_ms(const struct ff_dispatcher *d, uint16_t list)
{
    uint32_t first = d->escrow.list[list].first;
    int64_t after_ms = list == FF_LIST_LINGER ? FF_LINGER_MS : d->keep_alive_ms;
    return first && after_ms ? d->escrow.entry[first].since_ms + after_ms : INT64_MAX;
}

void ff_keeper_expire(struct ff_dispatcher *d)
{
    static const uint16_t lists[] = {FF_LIST_PARKED, FF_LIST_LINGER};
    for (int i = 0; i < 2; i++)
        while (due_ms(d, lists[i]) <= d->now_ms)
            release(d, d->escrow.list[lists[i]].first, false);
}

int64_t ff_keeper_next(const struct ff_dispatcher *d)
{
    int64_t parked = due_ms(d, FF_LIST_PARKED), linger = due_ms(d, FF_LIST_LINGER);
    int64_t next = parked < linger ? parked : linger;
    /* lanes give up connections without ringing: look now and then */
    for (size_t i = 0; i < d->lanes; i++)
        if (d->escrow.list[i].count > 0 && d->now_ms + COLLECT_MS < next)
            next = d->now_ms + COLLECT_MS;
    return next;
}

/* ---- the death of a worker ---- */

/* Closes the copies that wait in the channel: the words decide what happens, never the messages. */
static void empty_channel(const struct ff_master_lane *lane)
{
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH], n;
    while ((n = ff_channel_receive(lane->receive_end, deals, fds)) > 0)
        while (n > 0)
            ff_sock_close(fds[--n]);
}

/* Where a dead worker's connection belongs; 1 if a request was lost with it. */
static int recover_conn(struct ff_dispatcher *d, uint32_t id, uint16_t lane)
{
    if (ff_escrow_take(&d->escrow, id, lane, FF_QUEUED)) {
        ff_escrow_move(&d->escrow, id, FF_LIST_WAITING, d->now_ms);
        d->stats.redealt++;
        return 0;
    }
    if (ff_escrow_take(&d->escrow, id, lane, FF_IDLE)) {
        keep(d, id, FF_LIST_PARKED);
        return 0;
    }
    uint64_t word = atomic_load_explicit(&d->page->conn[id].word, memory_order_acquire);
    enum ff_state state = ff_word_state(word);
    take_in(d, id, lane);
    if (!ff_escrow_is_in(&d->escrow, id, lane))
        return 0; /* it was closed or lingering, and said so only by its word */
    release(d, id, false);
    return state == FF_RUNNING || state == FF_FLUSH;
}

int ff_keeper_recover(struct ff_dispatcher *d, uint16_t lane)
{
    struct ff_lane_line *line = &d->page->lane[lane];
    int lost = 0;
    ff_dispatcher_rest(d, lane);
    collect_lane(d, lane);
    empty_channel(d->lane[lane]);
    while (d->escrow.list[lane].first)
        lost += recover_conn(d, d->escrow.list[lane].first, lane);
    d->lane[lane]->dealt = 0;
    d->lane[lane]->is_stalled = false;
    atomic_store(&line->claimed, 0);
    atomic_store(&line->running, 0);
    atomic_store(&line->connections, 0);
    atomic_store(&line->is_full, 0);
    atomic_store(&line->returned, 0);
    d->stats.lost += (uint64_t)lost;
    ff_dispatcher_deal(d);
    return lost;
}

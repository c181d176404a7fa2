#include "dealer.h"

#include "balance.h"
#include "clock.h"
#include "keeper.h"
#include "progress.h"

#include <errno.h>
#include <string.h>

enum { DEALS_PER_PASS = 256, STARVED_MS = 100, STALLED_MS = 20, TELL_MS = 60000 };

/* ---- what the lanes can take ---- */

bool ff_dealer_is_overdue(const struct ff_dispatcher *d, size_t i)
{
    int64_t since_us = atomic_load(&d->page->lane[i].busy_since_us);
    return since_us != 0 && d->now_us - since_us >= d->busy_us;
}

bool ff_dealer_is_stuck(const struct ff_dispatcher *d, size_t i)
{
    return d->lane[i]->is_stuck &&
           atomic_load(&d->page->lane[i].beats) == d->lane[i]->stuck_at_beat;
}

bool ff_dealer_has_other(const struct ff_dispatcher *d, size_t i)
{
    size_t k = 0;
    while (k < d->lanes && (k == i || !d->lane[k]->is_ready || ff_dealer_is_stuck(d, k)))
        k++;
    return k < d->lanes;
}

static struct ff_balance_lane look(const struct ff_dispatcher *d, size_t i)
{
    const struct ff_master_lane *lane = d->lane[i];
    const struct ff_lane_line *line = &d->page->lane[i];
    uint32_t claimed = atomic_load(&line->claimed);
    return (struct ff_balance_lane){
        .queued = lane->dealt - claimed,
        .running = atomic_load(&line->running),
        .service_us = atomic_load_explicit(&line->service_us, memory_order_relaxed),
        .is_able = lane->is_ready && !ff_dealer_is_stuck(d, i) && !atomic_load(&line->is_full) &&
                   !(lane->is_stalled && claimed == lane->stalled_at &&
                     d->now_ms < lane->stalled_until_ms),
        .is_overdue = ff_dealer_is_overdue(d, i),
        .at_once = d->at_once};
}

uint32_t ff_dealer_credit(const struct ff_dispatcher *d, size_t i)
{
    struct ff_balance_lane lane = look(d, i);
    return ff_balance_credit(&lane);
}

/* Looks at all lanes. May any of them get something? */
static bool look_at_all(struct ff_dispatcher *d)
{
    bool any = false;
    memset(d->is_open, 0, d->slots * sizeof(*d->is_open));
    for (size_t i = 0; i < d->lanes; i++) {
        struct ff_balance_lane lane = look(d, i);
        d->credit[i] = ff_balance_credit(&lane);
        d->spare[i] = ff_balance_spare(&lane);
        d->load[i] = lane.queued + lane.running;
        if (d->lane[i]->is_ready && !ff_dealer_is_stuck(d, i))
            d->is_open[d->lane[i]->slot] = true;
        if (!d->lane[i]->is_ready)
            d->owed[i] = 0; /* nobody is there to make it good to */
        if (d->lane[i]->slot + 1 == d->kept_slot)
            d->credit[i] = d->spare[i] = 0;
        any = any || d->credit[i] > 0 || d->spare[i] > 0;
    }
    return any;
}

/* Who is next, by whom the policy prefers of those with credit, else of those with a place to
 * spare. */
static int choose(const struct ff_dispatcher *d)
{
    if (d->policy == FF_POLICY_LEAST_LOADED) {
        int lane = ff_balance_pick_least(d->credit, d->load, d->lanes, d->cursor);
        return lane >= 0 ? lane : ff_balance_pick_least(d->spare, d->load, d->lanes, d->cursor);
    }
    int lane = ff_balance_pick(d->credit, d->owed, d->lanes, d->cursor);
    return lane >= 0 ? lane : ff_balance_pick(d->spare, NULL, d->lanes, d->cursor);
}

/* A lane of the slot that the connection's client belongs to; -1 when all of them are full. */
static int choose_home(const struct ff_dispatcher *d, uint32_t id)
{
    const struct ff_peer *peer = &d->page->conn[id].peer;
    uint32_t room[FF_LANES_MAX];
    if (peer->family == 0)
        return choose(d); /* a unix socket: nobody is told from the others */
    int home = ff_balance_home(peer->address, d->is_open, d->slots);
    const uint32_t *rooms[] = {d->credit, d->spare};
    for (int tier = 0; home >= 0 && tier < 2; tier++) {
        for (size_t i = 0; i < d->lanes; i++)
            room[i] = d->lane[i]->slot == home ? rooms[tier][i] : 0;
        int lane = ff_balance_pick_least(room, d->load, d->lanes, d->cursor);
        if (lane >= 0)
            return lane;
    }
    return -1;
}

void ff_dealer_share_out(struct ff_dispatcher *d)
{
    uint32_t held = 0, lanes = 0, share = 0;
    for (size_t i = 0; i < d->lanes; i++) {
        held += d->escrow.list[i].count;
        lanes += d->lane[i]->is_ready && !ff_dealer_is_stuck(d, i);
    }
    if (lanes > 1 && d->policy != FF_POLICY_IP_HASH) /* there each has its home */
        share = (held + lanes - 1) / lanes;
    if (share != atomic_load_explicit(&d->page->share, memory_order_relaxed))
        atomic_store_explicit(&d->page->share, share, memory_order_relaxed);
}

/* ---- sending ---- */

static void send_batch(struct ff_dispatcher *d, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    uint32_t n = lane->batched;
    lane->batched = 0;
    if (ff_channel_send(lane->send_end, lane->batch, lane->batch_fds, n) == 0) {
        ff_page_count(&d->page->lane[i].sent, n);
        return;
    }
    /* until it claims something: then its queue has room again. Or for a while, if what is short is
     * something else (ETOOMANYREFS: descriptors in flight) */
    lane->is_stalled = true;
    lane->stalled_until_ms = d->now_ms + STALLED_MS;
    lane->stalled_at = atomic_load(&d->page->lane[i].claimed);
    d->credit[i] = d->spare[i] = 0;
    for (uint32_t k = 0; k < n; k++) {
        ff_escrow_take(&d->escrow, lane->batch[k].id, i, FF_QUEUED);
        ff_escrow_move(&d->escrow, lane->batch[k].id, FF_LIST_WAITING, d->now_ms);
    }
    lane->dealt -= n;
    lane->dealt_in_all -= n;
    d->stats.dealt -= n;
}

/* Puts the octets that go with `id` into a block of the lane; what the deal says of it. There is
 * one for every deal that may wait unclaimed. */
static uint32_t put_replay(struct ff_dispatcher *d, uint32_t id, uint16_t i)
{
    const struct ff_escrow_entry *entry = &d->escrow.entry[id];
    struct ff_master_lane *lane = d->lane[i];
    for (uint32_t k = 0; k < FF_BLOCKS_REPLAY; k++) {
        uint32_t user = lane->replayed[k];
        if (user && user != id && ff_escrow_is_in(&d->escrow, user, i) &&
            ff_word_state(atomic_load(&d->page->conn[user].word)) <= FF_READING)
            continue; /* not read from there yet */
        uint32_t block = FF_BLOCKS_OWN + k;
        lane->replayed[k] = id;
        memcpy(lane->blocks + (size_t)block * FF_BLOCK, entry->bytes, entry->bytes_len);
        return block << 16 | entry->bytes_len;
    }
    return 0;
}

static void deal_one(struct ff_dispatcher *d, uint32_t id, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    if (lane->dealt == atomic_load_explicit(&d->page->lane[i].claimed, memory_order_relaxed))
        lane->moved_us = d->now_us; /* its time to claim begins now */
    lane->batch_fds[lane->batched] = d->escrow.entry[id].fd;
    lane->batch[lane->batched] =
        (struct ff_deal){.id = id, .word = ff_escrow_deal(&d->escrow, id, i, d->now_ms)};
    if (d->escrow.entry[id].bytes)
        lane->batch[lane->batched].replay = put_replay(d, id, i);
    lane->dealt++;
    lane->dealt_in_all++;
    lane->is_stalled = false;
    lane->fruitless = 0;
    bool is_owed = d->policy == FF_POLICY_ROUND_ROBIN && d->credit[i] > 0;
    ff_balance_turn(is_owed ? d->owed : NULL, d->lanes, &d->cursor, i);
    d->credit[i] -= d->credit[i] > 0;
    d->spare[i] = 0;
    d->load[i]++;
    d->stats.dealt++;
    if (++lane->batched == FF_CHANNEL_BATCH)
        send_batch(d, i);
}

/* ---- where connections come from ---- */

static void tell_shortage(struct ff_dispatcher *d, int shortage)
{
    if (d->shortage_told_ms && d->now_ms - d->shortage_told_ms < TELL_MS)
        return;
    d->shortage_told_ms = d->now_ms;
    d->shortage = shortage;
    d->is_short = true;
}

static void starve(struct ff_dispatcher *d, int shortage)
{
    d->stats.accept_errors++;
    tell_shortage(d, shortage);
    d->starved_until_ms = d->now_ms + STARVED_MS;
    ff_dispatcher_poll_listeners(d, false);
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
            starve(d, 0);
            return 0;
        }
        struct ff_peer peer;
        int fd, r = ff_sock_accept(listener->fd, &fd, &peer);
        if ((r == -EMFILE || r == -ENFILE) && ff_keeper_make_room(d)) {
            tell_shortage(d, -r);
            r = ff_sock_accept(listener->fd, &fd, &peer);
        }
        if (r == 0) {
            d->next_listener = i + 1;
            d->stats.accepted++;
            uint32_t id = ff_escrow_admit(&d->escrow, fd, &peer, (uint8_t)i, d->now_ms);
            int64_t late_us = listener->is_late ? ff_sock_quiet_us(fd) : 0;
            d->page->conn[id].arrived_us = (uint32_t)(d->now_us - late_us);
            return id;
        }
        listener->is_readable = listener->is_late = false;
        if (r != -EAGAIN) {
            /* no descriptors or memory: the client waits in the backlog, we don't spin */
            starve(d, -r);
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
    if (waiting && (d->turn || d->is_closing))
        return waiting;
    uint32_t id = accept_one(d);
    return id ? id : waiting;
}

void ff_dealer_accept_all(struct ff_dispatcher *d)
{
    for (size_t i = 0; i < d->listeners; i++)
        d->listener[i].is_readable = true;
    while (accept_one(d) != 0)
        ;
}

/* ---- dealing ---- */

/* No lane has room, it seems. Says so in the page and looks once more, so that a lane which found
 * room in between is either seen here or sees the flag and rings. */
static bool all_full(struct ff_dispatcher *d)
{
    atomic_store(&d->page->all_full, 1);
    if (!look_at_all(d))
        return true;
    atomic_store(&d->page->all_full, 0);
    return false;
}

/* All that waits has been looked at, and each finds its slot full. As all_full. */
static bool all_blocked(struct ff_dispatcher *d)
{
    if (atomic_exchange(&d->page->all_full, 1))
        return true;
    look_at_all(d);
    return false;
}

/* Deals connection after connection, as long as there are some that a lane has room for. */
static void deal_all(struct ff_dispatcher *d)
{
    uint32_t aside = 0; /* connections in a row that could not be dealt */
    int64_t since_us = ff_clock_us();
    for (int n = 0; n < DEALS_PER_PASS && (n == 0 || !ff_dispatcher_is_over(d, since_us)); n++) {
        int lane = choose(d);
        if (lane < 0) {
            if ((d->is_full = all_full(d)))
                break;
            continue;
        }
        uint32_t id = next_conn(d);
        if (!id)
            break;
        if (d->policy == FF_POLICY_IP_HASH)
            lane = choose_home(d, id);
        if (lane >= 0) {
            deal_one(d, id, (uint16_t)lane);
            aside = 0;
            continue;
        }
        /* others must not wait for it */
        ff_escrow_move(&d->escrow, id, FF_LIST_WAITING, d->now_ms);
        if (++aside <= d->escrow.list[FF_LIST_WAITING].count)
            continue;
        if ((d->is_blocked = all_blocked(d)))
            break;
        aside = 0;
    }
}

/* ---- suspects ---- */

bool ff_dealer_has_company(const struct ff_dispatcher *d)
{
    bool is_seen[FF_LANES_MAX] = {false};
    for (size_t i = 0; i < d->lanes; i++) {
        uint16_t slot = d->lane[i]->slot;
        if (d->lane[i]->receive_end >= 0 && is_seen[slot])
            return true;
        is_seen[slot] = is_seen[slot] || d->lane[i]->receive_end >= 0;
    }
    return false;
}

static bool is_suspect_running(const struct ff_dispatcher *d)
{
    struct ff_conn_line *line = &d->page->conn[d->suspect];
    enum ff_state state = ff_word_state(atomic_load(&line->word));
    return ff_escrow_is_in(&d->escrow, d->suspect, d->suspect_lane) &&
           (state == FF_QUEUED || state == FF_READING || state == FF_RUNNING) &&
           ff_progress_base(line)->rx + 1 == d->escrow.entry[d->suspect].replayed;
}

/* The lane that begins the worker with the least to do, and how much that is; -1: there is none. */
static int least_loaded_worker(const struct ff_dispatcher *d, uint32_t *load)
{
    uint32_t loads[FF_LANES_MAX] = {0};
    int least = -1;
    for (size_t i = 0; i < d->lanes; i++)
        loads[d->lane[i]->slot] += d->load[i];
    for (size_t i = 0; i < d->lanes; i++)
        if (look(d, i).is_able && (least < 0 || loads[d->lane[i]->slot] < *load))
            least = (int)i, *load = loads[d->lane[i]->slot];
    return least;
}

/* Requests that died with their worker run again one at a time, in a worker that has nothing else:
 * it is kept free for that. One that never gets such a worker in time takes what there is, and one
 * that does not end gets company. */
static void deal_suspects(struct ff_dispatcher *d)
{
    uint32_t id, load = 0;
    if (d->suspect && is_suspect_running(d) && d->now_ms - d->suspect_since_ms < d->alone_ms)
        return;
    d->suspect = d->kept_slot = 0;
    while ((id = d->escrow.list[FF_LIST_SUSPECT].first) &&
           (d->now_ms - d->escrow.entry[id].since_ms >= d->alone_ms || d->is_ending))
        ff_escrow_wait_first(&d->escrow, id, d->now_ms);
    look_at_all(d);
    int lane = id ? least_loaded_worker(d, &load) : -1;
    if (lane < 0)
        return;
    d->kept_slot = (uint16_t)(d->lane[lane]->slot + 1);
    if (load > 0)
        return; /* the keeper empties it */
    deal_one(d, id, (uint16_t)lane);
    d->suspect = id;
    d->suspect_lane = (uint16_t)lane;
    d->suspect_since_ms = d->now_ms;
    send_batch(d, (uint16_t)lane);
}

/* Does a connection wait, or may one: in a queue that is not polled now, only trying tells. */
static bool is_any_to_deal(const struct ff_dispatcher *d)
{
    bool is_any = d->escrow.list[FF_LIST_WAITING].count > 0 || !d->is_listening;
    for (size_t i = 0; i < d->listeners && !is_any; i++)
        is_any = d->listener[i].is_readable;
    return is_any;
}

void ff_dealer_deal(struct ff_dispatcher *d)
{
    d->is_full = d->is_blocked = false;
    atomic_store(&d->page->all_full, 0);
    if (d->suspect || d->kept_slot || d->escrow.list[FF_LIST_SUSPECT].count > 0)
        deal_suspects(d);
    if (!is_any_to_deal(d))
        return;
    look_at_all(d);
    if (!d->is_listening && d->starved_until_ms == 0) /* not polled: only trying tells */
        for (size_t i = 0; i < d->listeners; i++)
            d->listener[i].is_readable = true;
    deal_all(d);
    for (size_t i = ff_escrow_holder(&d->escrow, 0); i < d->lanes;
         i = ff_escrow_holder(&d->escrow, i + 1))
        if (d->lane[i]->batched > 0)
            send_batch(d, (uint16_t)i);
    if (!d->is_closing && d->starved_until_ms == 0)
        ff_dispatcher_poll_listeners(d, !d->is_full);
}

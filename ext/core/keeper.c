#include "keeper.h"

#include "clock.h"
#include "dealer.h"
#include "http_response.h"
#include "salvage.h"

#include <errno.h>
#include <sys/socket.h>

enum { TAG_CONN = 4 }; /* beside those of dispatcher and hub */
enum { TICK_MS = 2, TICK_MAX_MS = 64, COLLECT_MS = 1000, EVICT = 16, MOVES_MAX = 8 };

/* In the master's poller, and for so long at most. */
static const uint16_t TIMED[] = {FF_LIST_PARKED, FF_LIST_SILENT, FF_LIST_HALF, FF_LIST_LINGER};
enum { TIMED_LISTS = sizeof(TIMED) / sizeof(*TIMED) };

uint64_t ff_keeper_tag(const struct ff_dispatcher *d, uint32_t id)
{
    return TAG_CONN | (uint64_t)id << 8 | d->escrow.entry[id].generation << 32;
}

void ff_keeper_release(struct ff_dispatcher *d, uint32_t id, bool is_shut)
{
    if (d->escrow.entry[id].is_watched) /* a worker may hold a copy, so closing ours is no end */
        ff_poller_remove(d->poller, d->escrow.entry[id].fd);
    ff_escrow_release(&d->escrow, id, is_shut);
    d->stats.closed++;
    d->starved_until_ms = 0; /* a descriptor came back */
}

/* Lets the poller tell once when the client says something. A connection stays in the poller when
 * it is dealt: parking it again is one system call then, and dealing it none. */
static void watch(struct ff_dispatcher *d, uint32_t id)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    uint32_t events = FF_POLL_IN | FF_POLL_HUP | FF_POLL_ONCE;
    int r = entry->is_watched ? ff_poller_change(d->poller, entry->fd, events, ff_keeper_tag(d, id))
                              : ff_poller_add(d->poller, entry->fd, events, ff_keeper_tag(d, id));
    if (r < 0)
        ff_keeper_release(d, id, false);
    else
        entry->is_watched = true;
}

void ff_keeper_keep(struct ff_dispatcher *d, uint32_t id, uint16_t list)
{
    ff_escrow_forget_bytes(&d->escrow, id);
    ff_escrow_move(&d->escrow, id, list, d->now_ms);
    watch(d, id);
}

void ff_keeper_refuse(struct ff_dispatcher *d, uint32_t id, int status)
{
    struct ff_buffer out = {0};
    char date[FF_HTTP_DATE_LEN];
    int fd = d->escrow.entry[id].fd;
    ff_http_date(ff_clock_wall_s(), date);
    if (ff_http_refusal(&out, status, false, date) == 0)
        send(fd, ff_buffer_head(&out), ff_buffer_len(&out), MSG_NOSIGNAL | MSG_DONTWAIT);
    ff_buffer_close(&out);
    shutdown(fd, SHUT_WR);
    d->stats.refused++;
    ff_keeper_keep(d, id, FF_LIST_LINGER);
}

void ff_keeper_park(struct ff_dispatcher *d, uint32_t id)
{
    ff_keeper_keep(d, id, d->page->conn[id].requests > 0 ? FF_LIST_PARKED : FF_LIST_SILENT);
}

void ff_keeper_take_in(struct ff_dispatcher *d, uint32_t id, uint16_t lane)
{
    if (!ff_escrow_is_in(&d->escrow, id, lane))
        return;
    uint64_t generation = d->escrow.entry[id].generation;
    uint64_t word = atomic_load_explicit(&d->page->conn[id].word, memory_order_acquire);
    if (word == ff_word(FF_CLOSED, lane, generation))
        ff_keeper_release(d, id, true);
    else if (word == ff_word(FF_LINGER, lane, generation))
        ff_keeper_keep(d, id, FF_LIST_LINGER);
    else if (word == ff_word(FF_PARKED, lane, generation))
        ff_keeper_park(d, id);
}

bool ff_keeper_collect_lane(struct ff_dispatcher *d, uint16_t lane)
{
    struct ff_master_lane *l = d->lane[lane];
    int64_t since_us = ff_clock_us();
    if (l->returning == 0) {
        l->returning = ff_return_take(d->page, lane);
        l->returning_max = d->page->conns_max;
    }
    while (l->returning > 0) {
        uint32_t id = l->returning;
        bool is_any = id <= d->page->conns_max && l->returning_max-- > 0; /* else it is no list */
        l->returning = is_any ? ff_return_next(d->page, id) : 0;
        if (is_any)
            ff_keeper_take_in(d, id, lane);
        if (ff_dispatcher_is_over(d, since_us))
            break;
    }
    return l->returning == 0;
}

void ff_keeper_collect(struct ff_dispatcher *d)
{
    for (size_t i = ff_escrow_holder(&d->escrow, 0); i < d->lanes;
         i = ff_escrow_holder(&d->escrow, i + 1))
        ff_keeper_collect_lane(d, (uint16_t)i);
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
        ff_keeper_release(d, id, false);
    else
        watch(d, id);
}

bool ff_keeper_is_rare(uint32_t requests, int64_t quiet_ms)
{
    return requests == 1 && quiet_ms >= FF_RARE_MS;
}

/* A parked client has something to say. */
static void stir(struct ff_dispatcher *d, uint32_t id)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    struct ff_conn_line *line = &d->page->conn[id];
    line->is_rare =
        ff_keeper_is_rare(line->requests - entry->requests, d->now_ms - entry->since_ms);
    entry->requests = line->requests;
    line->arrived_us = (uint32_t)d->now_us;
    ff_escrow_move(&d->escrow, id, FF_LIST_WAITING, d->now_ms);
    d->stats.redealt++;
}

/* A parked client may have said something: a request, or goodbye. */
static void unpark(struct ff_dispatcher *d, uint32_t id, bool is_request)
{
    char octet;
    ssize_t n = 1;
    if (!is_request)
        n = recv(d->escrow.entry[id].fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0)
        stir(d, id);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        ff_keeper_release(d, id, false);
    else
        watch(d, id);
}

void ff_keeper_event(struct ff_dispatcher *d, const struct ff_poller_event *event)
{
    uint32_t id = (uint32_t)(event->tag >> 8 & 0xffffff);
    if (id == 0 || id > d->escrow.touched || ff_keeper_tag(d, id) != event->tag)
        return; /* the connection went away earlier in this batch of events */
    uint16_t list = d->escrow.entry[id].list;
    if (list == FF_LIST_LINGER)
        drain(d, id);
    else if (list == FF_LIST_PARKED || list == FF_LIST_SILENT || list == FF_LIST_HALF)
        unpark(d, id, !(event->events & FF_POLL_HUP));
}

void ff_keeper_watch_all(struct ff_dispatcher *d)
{
    for (int i = 0; i < TIMED_LISTS; i++)
        for (uint32_t id = d->escrow.list[TIMED[i]].first, next; id > 0; id = next) {
            next = d->escrow.entry[id].next;
            watch(d, id);
        }
}

void ff_keeper_end_parked(struct ff_dispatcher *d)
{
    static const uint16_t parked[] = {FF_LIST_PARKED, FF_LIST_SILENT};
    while (d->escrow.list[FF_LIST_HALF].first) /* a lane lets them finish, as those that it has */
        ff_escrow_move(&d->escrow, d->escrow.list[FF_LIST_HALF].first, FF_LIST_WAITING, d->now_ms);
    for (int i = 0; i < 2; i++) {
        uint32_t id;
        while ((id = d->escrow.list[parked[i]].first)) {
            unpark(d, id, false);
            if (ff_escrow_is_in(&d->escrow, id, parked[i]))
                ff_keeper_release(d, id, false);
        }
    }
}

void ff_keeper_end_waiting(struct ff_dispatcher *d)
{
    uint32_t id;
    while ((id = d->escrow.list[FF_LIST_WAITING].first) ||
           (id = d->escrow.list[FF_LIST_SUSPECT].first))
        ff_keeper_release(d, id, false);
}

bool ff_keeper_make_room(struct ff_dispatcher *d)
{
    uint64_t closed = d->stats.closed;
    ff_keeper_collect(d);
    for (int n = 0; n < EVICT && (n > 0 || d->stats.closed == closed); n++) {
        uint32_t id = d->escrow.list[FF_LIST_PARKED].first;
        if (!id)
            break;
        unpark(d, id, false); /* it may have said something just now */
        if (!ff_escrow_is_in(&d->escrow, id, FF_LIST_PARKED))
            continue;
        ff_keeper_release(d, id, false);
        d->stats.evicted++;
    }
    return d->stats.closed > closed;
}

static int64_t due_ms(const struct ff_dispatcher *d, uint16_t list)
{
    uint32_t first = d->escrow.list[list].first;
    int64_t after_ms = list == FF_LIST_LINGER   ? FF_LINGER_MS
                       : list == FF_LIST_SILENT ? d->silence_ms
                       : list == FF_LIST_HALF   ? d->half_ms
                                                : d->keep_alive_ms;
    return first && after_ms ? d->escrow.entry[first].since_ms + after_ms : INT64_MAX;
}

void ff_keeper_expire(struct ff_dispatcher *d)
{
    int64_t since_us = ff_clock_us();
    for (int i = 0; i < TIMED_LISTS; i++)
        while (due_ms(d, TIMED[i]) <= d->now_ms) {
            uint32_t id = d->escrow.list[TIMED[i]].first;
            if (TIMED[i] == FF_LIST_HALF)
                ff_keeper_refuse(d, id, 408);
            else
                ff_keeper_release(d, id, false);
            if (ff_dispatcher_is_over(d, since_us))
                return;
        }
}

/* When its request has timed out, if it gets no further: the dispatcher finds out by itself then.
 */
static int64_t time_out_ms(const struct ff_dispatcher *d, size_t i)
{
    int64_t since_us = atomic_load_explicit(&d->page->lane[i].progress_us, memory_order_relaxed);
    bool is_any = d->timeout_us > 0 && since_us > 0 && !d->lane[i]->is_timed_out;
    return is_any ? (since_us + d->timeout_us) / 1000 + 1 : INT64_MAX;
}

/* When to look at lane `i` again: soon while it holds something that could have to be taken back,
 * seldom while nobody else could serve it, or nothing was to be had several times. What it closes,
 * it gives up without ringing. */
static int64_t look_ms(const struct ff_dispatcher *d, size_t i)
{
    uint32_t held = d->escrow.list[i].count, fruitless = d->lane[i]->fruitless;
    if (d->lane[i]->is_asked)
        return d->now_ms + TICK_MS;
    if (held <= atomic_load_explicit(&d->page->lane[i].running, memory_order_relaxed)) {
        int64_t at = time_out_ms(d, i);
        return at < d->now_ms + COLLECT_MS ? at : d->now_ms + COLLECT_MS;
    }
    bool is_worth_it = fruitless < 5 && ff_dealer_has_other(d, i);
    return d->now_ms + (is_worth_it ? TICK_MS << fruitless : TICK_MAX_MS);
}

int64_t ff_keeper_next(const struct ff_dispatcher *d)
{
    bool is_blind = d->policy == FF_POLICY_SHARED && d->timeout_us > 0;
    int64_t next = is_blind ? d->now_ms + COLLECT_MS : INT64_MAX;
    if (d->suspect || d->escrow.list[FF_LIST_SUSPECT].count > 0)
        next = d->now_ms + 2 * TICK_MS; /* whose turn comes when the one before is done */
    for (int i = 0; i < TIMED_LISTS; i++)
        if (due_ms(d, TIMED[i]) < next)
            next = due_ms(d, TIMED[i]);
    for (size_t i = ff_escrow_holder(&d->escrow, 0); i < d->lanes;
         i = ff_escrow_holder(&d->escrow, i + 1)) {
        int64_t at = look_ms(d, i);
        if (at < next)
            next = at;
    }
    return next;
}

/* ---- relief ---- */

void ff_keeper_empty_channel(const struct ff_master_lane *lane)
{
    struct ff_deal deals[FF_CHANNEL_BATCH];
    int fds[FF_CHANNEL_BATCH], n;
    while ((n = ff_channel_receive(lane->receive_end, deals, fds)) > 0)
        while (n > 0)
            ff_sock_close(fds[--n]);
}

/* Takes back what lies half read in a lane, with its octets. They are copied before the word is
 * claimed: the lane uses their memory again as soon as it has noticed. */
static bool take_half(struct ff_dispatcher *d, uint32_t id, uint16_t i)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    struct ff_conn_line *line = &d->page->conn[id];
    uint64_t word = atomic_load(&line->word), parked = ff_word(FF_PARKED, 0, entry->generation);
    if (ff_word_with(word, FF_HALF) != ff_word(FF_HALF, i, entry->generation) ||
        ff_word_state(word) != FF_HALF || d->lane[i]->is_leaving)
        return false;
    struct ff_rescue_facts facts = {.progress = atomic_load(&line->progress),
                                    .base = *ff_progress_base(line)};
    if (atomic_load(&facts.base.block) == 0 || facts.progress & FF_PROGRESS_BEGUN ||
        (entry->moves >= MOVES_MAX && entry->bytes_rx == facts.base.rx))
        return false; /* it has outgrown its block, or met too many busy lanes: it waits */
    ff_rescue_ask(entry->fd, line, &facts);
    if (!facts.is_known || facts.sent != facts.base.tx || facts.received <= facts.base.rx ||
        !ff_salvage_keep(d, id, i, &facts.base, facts.received))
        return false;
    if (!ff_word_claim(line, word, parked)) {
        ff_escrow_forget_bytes(&d->escrow, id);
        return false;
    }
    entry->moves++;
    ff_salvage_set_base(line, facts.base);
    ff_escrow_move(&d->escrow, id, FF_LIST_HALF, d->now_ms);
    watch(d, id);
    return true;
}

/* Takes one connection back if it is queued or idle, or rests half read. */
static bool take_back(struct ff_dispatcher *d, uint32_t id, uint16_t i)
{
    bool is_kept = id == d->suspect && !d->lane[i]->is_stuck; /* its worker is kept free for it */
    if (!is_kept && ff_escrow_take(&d->escrow, id, i, FF_QUEUED)) {
        d->lane[i]->dealt--;
        ff_escrow_wait_first(&d->escrow, id, d->now_ms);
        d->stats.redealt++;
    } else if (ff_escrow_take(&d->escrow, id, i, FF_IDLE)) {
        ff_keeper_park(d, id);
    } else if (!take_half(d, id, i)) {
        /* to the end: the next pass starts elsewhere */
        ff_escrow_move(&d->escrow, id, i, d->now_ms);
        return false;
    }
    d->stats.taken++;
    return true;
}

/* True when the channel was emptied, with whatever was said through it. */
static bool relieve_lane(struct ff_dispatcher *d, uint16_t i)
{
    uint32_t held = d->escrow.list[i].count, taken = 0;
    int64_t since_us = ff_clock_us();
    for (uint32_t n = 0; n < held && n < FF_RELIEF_MAX; n++) {
        taken += take_back(d, d->escrow.list[i].first, i);
        if (ff_dispatcher_is_over(d, since_us))
            break;
    }
    if (taken > 0)
        ff_keeper_empty_channel(d->lane[i]);
    d->lane[i]->fruitless = taken > 0 ? 0 : d->lane[i]->fruitless + 1;
    return taken > 0;
}

/* Does a lane not answer that holds connections, outside any request? It is asked when nothing was
 * heard of it for a while: what it holds says nothing of its own when it is stopped. */
static bool is_silent(struct ff_dispatcher *d, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    const struct ff_lane_line *line = &d->page->lane[i];
    uint64_t heard = atomic_load(&line->requests) + atomic_load(&line->claimed);
    heard += (uint64_t)atomic_load(&line->beats) << 32;
    if (heard != lane->heard || atomic_load(&line->busy_since_us)) {
        lane->heard = heard;
        lane->heard_us = d->now_us;
        lane->is_asked = false;
    } else if (!lane->is_asked && d->now_us - lane->heard_us >= d->quiet_us) {
        lane->is_asked = ff_channel_tell(lane->send_end, FF_NOTICE_PING) == 0;
        lane->asked_us = d->now_us;
    }
    return lane->is_asked && d->now_us - lane->asked_us >= d->stuck_us;
}

/* Has it left a deal unclaimed for too long, outside any request, or is it silent? */
static bool is_stuck(struct ff_dispatcher *d, uint16_t i)
{
    struct ff_master_lane *lane = d->lane[i];
    const struct ff_lane_line *line = &d->page->lane[i];
    uint32_t claimed = atomic_load(&line->claimed);
    if (ff_dealer_is_stuck(d, i))
        return true;
    lane->is_stuck = false;
    if (lane->dealt == claimed || claimed != lane->seen_claimed ||
        atomic_load(&line->busy_since_us)) {
        lane->seen_claimed = claimed;
        lane->moved_us = d->now_us;
    }
    if (!is_silent(d, i) && d->now_us - lane->moved_us < d->stuck_us)
        return false;
    lane->is_asked = false;
    lane->is_stuck = true;
    lane->stuck_at_beat = atomic_load(&line->beats);
    return true;
}

void ff_keeper_clear(struct ff_dispatcher *d, uint16_t lane)
{
    int64_t since_us = ff_clock_us();
    for (uint32_t held = d->escrow.list[lane].count; held > 0; held--) {
        take_back(d, d->escrow.list[lane].first, lane);
        if (ff_dispatcher_is_over(d, since_us))
            break; /* the lane itself gives back what is idle */
    }
    ff_keeper_empty_channel(d->lane[lane]);
}

static void look_after(struct ff_dispatcher *d, uint16_t i)
{
    bool was_stuck = ff_dealer_is_stuck(d, i), stuck = is_stuck(d, i), is_emptied = false;
    bool is_relief = ff_dealer_is_overdue(d, i) && ff_dealer_has_other(d, i);
    if (stuck || is_relief || d->lane[i]->slot + 1 == d->kept_slot)
        is_emptied = relieve_lane(d, i);
    else
        d->lane[i]->fruitless = 0;
    if (is_emptied && d->lane[i]->is_leaving)
        ff_channel_tell(d->lane[i]->send_end, FF_NOTICE_LEAVE);
    if (stuck && (!was_stuck || is_emptied)) /* in rotation again when it answers */
        ff_channel_tell(d->lane[i]->send_end, FF_NOTICE_PING);
}

/* From where it ended the last time: no lane waits for its turn for long. */
void ff_keeper_relieve(struct ff_dispatcher *d)
{
    int64_t since_us = ff_clock_us();
    size_t first = d->relieved < d->lanes ? d->relieved : 0;
    for (size_t n = 0; n < d->lanes; n++) {
        size_t i = first + n < d->lanes ? first + n : first + n - d->lanes;
        if (d->escrow.list[i].count == 0 || d->lane[i]->send_end < 0)
            continue;
        look_after(d, (uint16_t)i);
        d->relieved = i + 1;
        if (ff_dispatcher_is_over(d, since_us))
            break;
    }
}

#include "recovery.h"

#include "clock.h"
#include "dealer.h"
#include "keeper.h"
#include "poller.h"
#include "salvage.h"

#include <string.h>

/* Did the request that runs at `lane` take too long? One that ended before the kill is not the one
 * that came after it. */
static bool has_timed_out(const struct ff_dispatcher *d, uint16_t lane)
{
    return d->lane[lane]->is_timed_out &&
           d->lane[lane]->timed_out_at == atomic_load(&d->page->lane[lane].requests);
}

/* Notes what became of a running request, and its first line if that is still to be had. */
static void tell(struct ff_dispatcher *d, uint32_t id, uint16_t lane, const struct ff_base *base,
                 enum ff_rescue rescue)
{
    size_t room;
    const char *bytes = ff_salvage_place(d, id, lane, base, &room);
    if (d->rescues++ >= FF_RESCUED_MAX)
        return;
    struct ff_rescued *told = &d->rescued[d->rescues - 1];
    size_t len = 0;
    told->rescue = (uint8_t)rescue;
    told->is_timed_out = has_timed_out(d, lane);
    while (len < room && len < sizeof(told->line) - 1 && bytes[len] != '\r')
        told->line[len] = bytes[len], len++;
    told->line[len] = '\0';
}

/* Its worker died of this request, or of another one that ran beside it: it runs again, alone; but
 * not where a thousand ran beside it, each would wait for all others. */
static void suspect(struct ff_dispatcher *d, uint32_t id, const struct ff_base *base)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    entry->replayed = base->rx + 1;
    entry->deaths++;
    entry->blamed = (uint8_t)(entry->blamed + d->is_to_blame);
    if (d->at_once == 0 && ff_dealer_has_company(d))
        ff_escrow_move(&d->escrow, id, FF_LIST_SUSPECT, d->now_ms);
    else
        ff_escrow_wait_first(&d->escrow, id, d->now_ms);
}

/* Rescues a connection that the dead worker had claimed. 1 if a request was lost. */
static int rescue_conn(struct ff_dispatcher *d, uint32_t id, uint16_t lane)
{
    struct ff_conn_line *line = &d->page->conn[id];
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    struct ff_rescue_facts facts = {.progress = atomic_load(&line->progress),
                                    .base = *ff_progress_base(line),
                                    .next = *ff_progress_spare(line),
                                    .may_replay = d->may_replay && !has_timed_out(d, lane)};
    const struct ff_base *holds;
    ff_rescue_ask(entry->fd, line, &facts);
    if (entry->replayed != facts.base.rx + 1)
        entry->deaths = entry->blamed = 0;
    facts.is_poison = ff_rescue_is_poison(entry->deaths, entry->blamed, d->is_to_blame);
    enum ff_rescue rescue = ff_rescue_decide(&facts, &holds);
    bool was_running = holds == &facts.base && facts.progress & FF_PROGRESS_BEGUN;
    if (rescue == FF_RESCUE_REPLAY && !ff_salvage_keep(d, id, lane, holds, facts.received))
        rescue = FF_RESCUE_REFUSE;
    if (was_running && rescue != FF_RESCUE_PARK && rescue != FF_RESCUE_END)
        tell(d, id, lane, holds, rescue);
    ff_salvage_set_base(line, *holds);
    switch (rescue) {
    case FF_RESCUE_PARK:
        ff_keeper_park(d, id);
        return 0;
    case FF_RESCUE_REPLAY:
        d->stats.replayed++;
        ff_word_set(line, ff_word(FF_PARKED, 0, entry->generation));
        if (was_running)
            suspect(d, id, holds);
        else
            ff_escrow_wait_first(&d->escrow, id, d->now_ms);
        return 0;
    case FF_RESCUE_REFUSE:
        ff_keeper_refuse(d, id, was_running && has_timed_out(d, lane) ? 504 : 502);
        return was_running;
    default:
        ff_keeper_release(d, id, false);
        return was_running && rescue == FF_RESCUE_CUT;
    }
}

/* Where a dead worker's connection belongs; 1 if a request was lost with it. */
static int recover_conn(struct ff_dispatcher *d, uint32_t id, uint16_t lane)
{
    if (ff_escrow_take(&d->escrow, id, lane, FF_QUEUED)) {
        ff_escrow_wait_first(&d->escrow, id, d->now_ms);
        d->stats.redealt++;
        return 0;
    }
    /* closed, lingering or given back, and said so only by its word */
    ff_keeper_take_in(d, id, lane);
    if (!ff_escrow_is_in(&d->escrow, id, lane))
        return 0;
    if (ff_escrow_take(&d->escrow, id, lane, FF_IDLE)) {
        ff_keeper_park(d, id);
        return 0;
    }
    return rescue_conn(d, id, lane);
}

/* Makes the lane and its page line new for the next process. */
static void reset(struct ff_dispatcher *d, uint16_t lane)
{
    struct ff_lane_line *line = &d->page->lane[lane];
    d->lane[lane]->dealt = 0;
    d->lane[lane]->is_stalled = d->lane[lane]->is_stuck = false;
    d->lane[lane]->is_asked = false;
    d->lane[lane]->is_timed_out = d->lane[lane]->is_leaving = false;
    d->lane[lane]->seen_claimed = d->lane[lane]->fruitless = 0;
    atomic_store(&line->claimed, 0);
    atomic_store(&line->running, 0);
    atomic_store(&line->busy_since_us, 0);
    atomic_store(&line->progress_us, 0);
    atomic_store(&line->service_us, 0);
    atomic_store(&line->beats, 0);
    atomic_store(&line->sent, 0);
    atomic_store(&line->condemned, 0);
    atomic_store(&line->connections, 0);
    atomic_store(&line->requests, 0);
    atomic_store(&line->is_full, 0);
    atomic_store(&line->returned, 0);
}

/* Recovers a part of what `lane` held; false when that was the last. */
static bool recover_part(struct ff_dispatcher *d, uint16_t lane, int *lost)
{
    int64_t since_us = ff_clock_us();
    if (!ff_keeper_collect_lane(d, lane))
        return true;
    while (d->escrow.list[lane].first) {
        *lost += recover_conn(d, d->escrow.list[lane].first, lane);
        if (ff_dispatcher_is_over(d, since_us))
            return true;
    }
    return false;
}

static bool ran_one_at_most(const struct ff_dispatcher *d, const uint16_t *lanes, size_t n)
{
    size_t running = 0;
    for (size_t i = 0; i < n; i++)
        for (uint32_t id = d->escrow.list[lanes[i]].first; id; id = d->escrow.entry[id].next)
            running += ff_word_state(atomic_load(&d->page->conn[id].word)) == FF_RUNNING;
    return running <= 1;
}

int ff_recovery_run(struct ff_dispatcher *d, const uint16_t *lanes, size_t n, bool by_itself)
{
    int lost = 0, ready[FF_POLLER_BATCH];
    d->rescues = 0;
    d->is_to_blame = by_itself && ran_one_at_most(d, lanes, n);
    for (size_t i = 0; i < n; i++)
        ff_dispatcher_rest(d, lanes[i]);
    for (size_t i = 0; i < n; i++) {
        ff_keeper_empty_channel(d->lane[lanes[i]]);
        while (recover_part(d, lanes[i], &lost)) /* what is ready stays so until it is waited for */
            ff_dispatcher_wait(d, 0, ready);
        reset(d, lanes[i]);
    }
    d->stats.lost += (uint64_t)lost;
    ff_dealer_deal(d);
    return lost;
}

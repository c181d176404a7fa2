#include "handover.h"

#include "cells.h"
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* Raised when something that is shared, handed on or said between processes changes its meaning,
 * but no size below. */
enum { REVISION = 2 };

uint32_t ff_dispatcher_layout(void)
{
    const size_t agreed[] = {
        REVISION,
        sizeof(struct ff_page),
        sizeof(struct ff_lane_line),
        sizeof(struct ff_conn_line),
        sizeof(struct ff_base),
        sizeof(struct ff_peer),
        sizeof(struct ff_deal),
        sizeof(struct ff_frame),
        sizeof(struct ff_cells),
        sizeof(struct ff_cell_name),
        FF_BLOCK,
        FF_BLOCKS_OWN,
        FF_BLOCKS_REPLAY,
        FF_LANES_MAX,
        FF_CONNS_MAX,
        FF_HISTOGRAM_RANGES,
        FF_LISTS,
        sizeof(struct ff_escrow_entry),
        sizeof(struct ff_escrow),
        sizeof(struct ff_master_lane),
        sizeof(struct ff_dispatcher),
        sizeof(struct ff_hub_link),
        sizeof(struct ff_hub_request),
        sizeof(struct ff_hub),
    };
    uint32_t hash = 2166136261; /* FNV-1a, a number at a time */
    for (size_t i = 0; i < sizeof(agreed) / sizeof(*agreed); i++)
        hash = (hash ^ (uint32_t)agreed[i]) * 16777619;
    return hash;
}

static void record_lane(struct ff_dispatcher *d, size_t i, struct ff_record *r)
{
    if (!d->lane[i])
        d->lane[i] = calloc(1, sizeof(*d->lane[i]));
    if (!d->lane[i]) {
        r->error = -ENOMEM;
        return;
    }
    ff_record(r, d->lane[i], sizeof(*d->lane[i]));
    d->lane[i]->blocks = ff_blocks_of(d->blocks, (uint16_t)i);
}

/* All that is neither a setting, nor found out again in the next pass. */
static void record_dispatcher(struct ff_dispatcher *d, struct ff_record *r)
{
    size_t lanes = d->lanes;
    ff_record(r, &d->stats, sizeof(d->stats));
    ff_record(r, &d->policy, sizeof(d->policy));
    ff_record(r, &d->at_once, sizeof(d->at_once));
    ff_record(r, &d->cursor, sizeof(d->cursor));
    ff_record(r, &d->slots, sizeof(d->slots));
    ff_record(r, d->owed, sizeof(d->owed));
    ff_record(r, &d->suspect, sizeof(d->suspect));
    ff_record(r, &d->suspect_lane, sizeof(d->suspect_lane));
    ff_record(r, &d->kept_slot, sizeof(d->kept_slot));
    ff_record(r, &d->suspect_since_ms, sizeof(d->suspect_since_ms));
    ff_record(r, &d->shortage_told_ms, sizeof(d->shortage_told_ms));
    ff_record(r, &lanes, sizeof(lanes));
    if (lanes > FF_LANES_MAX)
        r->error = -EPROTO;
    for (size_t i = 0; i < lanes && r->error == 0; i++) {
        record_lane(d, i, r);
        d->lanes = r->error == 0 && d->lanes <= i ? i + 1 : d->lanes;
    }
    ff_escrow_record(&d->escrow, r);
    ff_hub_record(d->hub, r);
}

int ff_dispatcher_write(struct ff_dispatcher *d, struct ff_buffer *out)
{
    struct ff_record r = {.is_reading = false};
    struct ff_inheritance self = {d->page->conns_max, d->page_fd, d->blocks_fd, d->bell};
    ff_record(&r, &self, sizeof(self));
    record_dispatcher(d, &r);
    if (r.error < 0)
        ff_buffer_close(&r.bytes);
    *out = r.bytes;
    return r.error;
}

int ff_dispatcher_read(const void *octets, size_t n, int64_t keep_alive_ms, int64_t silence_ms,
                       struct ff_dispatcher **out)
{
    struct ff_record r = {.is_reading = true};
    struct ff_inheritance self;
    struct ff_dispatcher *d = NULL;
    r.error = ff_buffer_append(&r.bytes, octets, n);
    ff_record(&r, &self, sizeof(self));
    if (r.error == 0)
        r.error = ff_dispatcher_make(&self, keep_alive_ms, silence_ms, &d);
    if (r.error == 0)
        record_dispatcher(d, &r);
    if (r.error == 0 && ff_buffer_len(&r.bytes) > 0)
        r.error = -EPROTO;
    ff_buffer_close(&r.bytes);
    if (r.error < 0) {
        ff_dispatcher_free(d);
        return r.error;
    }
    ff_keeper_watch_all(d);
    *out = d;
    return 0;
}

static void survive(int fd, bool on)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
}

void ff_dispatcher_survive(struct ff_dispatcher *d, bool on)
{
    survive(d->page_fd, on);
    survive(d->blocks_fd, on);
    survive(d->bell, on);
    for (size_t i = 0; i < d->lanes; i++) {
        survive(d->lane[i]->send_end, on);
        survive(d->lane[i]->receive_end, on);
    }
    for (uint32_t id = 1; id <= d->escrow.touched; id++)
        survive(d->escrow.entry[id].fd, on);
    for (uint32_t i = 0; i < d->hub->links; i++)
        for (int k = 0; k < 2 && d->hub->link[i]; k++) {
            survive(d->hub->link[i]->in[k].fd, on);
            survive(d->hub->link[i]->out[k].fd, on);
        }
}

#include "salvage.h"

#include <stdlib.h>
#include <string.h>

const char *ff_salvage_place(const struct ff_dispatcher *d, uint32_t id, uint16_t lane,
                             const struct ff_base *base, size_t *room)
{
    const struct ff_escrow_entry *entry = &d->escrow.entry[id];
    uint32_t block = atomic_load_explicit(&base->block, memory_order_acquire), at = base->at;
    if (block == 0) { /* it was dealt with them, and died before it had them in its block */
        *room = entry->bytes_rx == base->rx ? entry->bytes_len : 0;
        return entry->bytes;
    }
    if (block > FF_BLOCKS_OWN || at > FF_BLOCK) {
        *room = 0;
        return NULL;
    }
    *room = FF_BLOCK - at;
    return d->lane[lane]->blocks + (size_t)(block - 1) * FF_BLOCK + at;
}

bool ff_salvage_keep(struct ff_dispatcher *d, uint32_t id, uint16_t lane,
                     const struct ff_base *base, uint64_t received)
{
    struct ff_escrow_entry *entry = &d->escrow.entry[id];
    uint64_t n = received - base->rx;
    size_t room;
    const char *bytes = ff_salvage_place(d, id, lane, base, &room);
    char *copy = n <= room ? malloc(n) : NULL;
    if (!copy)
        return false;
    memcpy(copy, bytes, n);
    ff_escrow_forget_bytes(&d->escrow, id);
    if (entry->bytes_rx != base->rx)
        entry->moves = 0;
    entry->bytes = copy;
    entry->bytes_len = (uint32_t)n;
    entry->bytes_rx = base->rx;
    return true;
}

void ff_salvage_set_base(struct ff_conn_line *line, struct ff_base base)
{
    atomic_store(&base.block, 0);
    line->base[0] = base;
    atomic_store(&line->progress, 0);
}

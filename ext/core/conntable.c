#include "conntable.h"

void ff_return_push(struct ff_page *page, uint16_t lane, uint32_t id)
{
    struct ff_lane_line *line = &page->lane[lane];
    uint32_t first = atomic_load_explicit(&line->returned, memory_order_relaxed);
    do {
        atomic_store_explicit(&page->conn[id].next_returned, first, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&line->returned, &first, id,
                                                    memory_order_release, memory_order_relaxed));
}

uint32_t ff_return_take(struct ff_page *page, uint16_t lane)
{
    struct ff_lane_line *line = &page->lane[lane];
    if (atomic_load_explicit(&line->returned, memory_order_relaxed) == 0)
        return 0;
    return atomic_exchange_explicit(&line->returned, 0, memory_order_acquire);
}

uint32_t ff_return_next(struct ff_page *page, uint32_t id)
{
    return atomic_load_explicit(&page->conn[id].next_returned, memory_order_relaxed);
}

void ff_conn_line_begin(struct ff_conn_line *line, const struct ff_peer *peer, uint8_t listener)
{
    line->peer = line->client = *peer;
    line->listener = listener;
    line->requests = 0;
    line->is_rare = 0;
    line->base[0] = (struct ff_base){0};
    line->begun_rx = 0;
    atomic_store_explicit(&line->progress, 0, memory_order_relaxed);
}

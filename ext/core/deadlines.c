#include "deadlines.h"

#include <stddef.h>

void ff_deadlines_init(struct ff_deadlines *d, const int64_t after_ms[FF_DEADLINE_CLASSES])
{
    for (int i = 0; i < FF_DEADLINE_CLASSES; i++) {
        d->ring[i].prev = d->ring[i].next = &d->ring[i];
        d->after_ms[i] = after_ms[i];
    }
}

void ff_deadlines_clear(struct ff_deadline *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

void ff_deadlines_set(struct ff_deadlines *d, struct ff_deadline *node, int class, int64_t now_ms)
{
    ff_deadlines_clear(node);
    if (d->after_ms[class] == 0)
        return;
    struct ff_deadline *ring = &d->ring[class];
    node->at_ms = now_ms + d->after_ms[class];
    node->prev = ring->prev;
    node->next = ring;
    ring->prev->next = node;
    ring->prev = node;
}

int64_t ff_deadlines_next(const struct ff_deadlines *d)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < FF_DEADLINE_CLASSES; i++) {
        const struct ff_deadline *first = d->ring[i].next;
        if (first != &d->ring[i] && first->at_ms < next)
            next = first->at_ms;
    }
    return next;
}

struct ff_deadline *ff_deadlines_expire(struct ff_deadlines *d, int64_t now_ms)
{
    for (int i = 0; i < FF_DEADLINE_CLASSES; i++) {
        struct ff_deadline *first = d->ring[i].next;
        if (first != &d->ring[i] && first->at_ms <= now_ms) {
            ff_deadlines_clear(first);
            return first;
        }
    }
    return NULL;
}

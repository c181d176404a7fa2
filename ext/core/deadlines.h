/* deadlines: what must happen by when, for very many connections.
 *
 * Runs in:  lane; one thread.
 * Blocks:   never.
 * Owns:     nothing: the nodes are embedded in what they time, and must be cleared before that is
 *           freed.
 *
 * Every class has one fixed duration, so a list per class in the order of setting is sorted by
 * itself: setting, clearing and finding the next are O(1), and no timer wheel or heap is needed. */
#ifndef FF_DEADLINES_H
#define FF_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FF_DEADLINE_CLASSES = 5 };

struct ff_deadline {
    struct ff_deadline *prev, *next; /* NULL: not set */
    int64_t at_ms;
};

struct ff_deadlines {
    struct ff_deadline ring[FF_DEADLINE_CLASSES]; /* list heads */
    int64_t after_ms[FF_DEADLINE_CLASSES];        /* 0: the class never expires */
};

void ff_deadlines_init(struct ff_deadlines *d, const int64_t after_ms[FF_DEADLINE_CLASSES]);

/* (Re)starts `node` in `class`. Not more than once per node at a time: it leaves where it was. */
void ff_deadlines_set(struct ff_deadlines *d, struct ff_deadline *node, int class, int64_t now_ms);

void ff_deadlines_clear(struct ff_deadline *node);

static inline bool ff_deadline_is_set(const struct ff_deadline *node)
{
    return node->next != NULL;
}

/* The earliest deadline, INT64_MAX if none. */
int64_t ff_deadlines_next(const struct ff_deadlines *d);

/* Takes out one node whose time has come, or NULL. */
struct ff_deadline *ff_deadlines_expire(struct ff_deadlines *d, int64_t now_ms);

#endif

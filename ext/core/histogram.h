/* histogram: how long things took, as counts of ranges that grow with the time. Pure.
 *
 * Runs in:  anywhere; one writer each.
 * Blocks:   never.
 * Owns:     nothing.
 *
 * Four ranges for each doubling, so a percentile is right to 25 %: from 1 us to over two minutes.
 */
#ifndef FF_HISTOGRAM_H
#define FF_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { FF_HISTOGRAM_RANGES = 104 };

struct ff_histogram {
    _Atomic uint64_t count[FF_HISTOGRAM_RANGES];
    _Atomic uint64_t sum_us;
};

/* Which range `us` falls into. */
static inline uint32_t ff_histogram_range(int64_t us)
{
    uint32_t t = us < 0 ? 0 : us > INT32_MAX ? INT32_MAX : (uint32_t)us;
    if (t < 4)
        return t;
    uint32_t doublings = 31 - (uint32_t)__builtin_clz(t);
    uint32_t range = (doublings - 1) * 4 + (t >> (doublings - 2) & 3);
    return range < FF_HISTOGRAM_RANGES ? range : FF_HISTOGRAM_RANGES - 1;
}

/* The first microsecond that lies beyond `range`; the last one has no end. */
static inline int64_t ff_histogram_end(uint32_t range)
{
    if (++range < 4)
        return range;
    return (int64_t)(4 + range % 4) << (range / 4 - 1);
}

/* Only the one writer: cheaper than an atomic addition. */
static inline void ff_histogram_count(struct ff_histogram *h, int64_t us)
{
    _Atomic uint64_t *count = &h->count[ff_histogram_range(us)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&h->sum_us,
                          atomic_load_explicit(&h->sum_us, memory_order_relaxed) +
                              (us > 0 ? (uint64_t)us : 0),
                          memory_order_relaxed);
}

#endif

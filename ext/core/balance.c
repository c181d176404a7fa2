#include "balance.h"

#include <string.h>

uint32_t ff_balance_window(uint32_t service_us)
{
    if (service_us <= FF_WINDOW_US / FF_WINDOW_MAX)
        return FF_WINDOW_MAX;
    return service_us < FF_WINDOW_US ? FF_WINDOW_US / service_us : 1;
}

uint32_t ff_balance_credit(const struct ff_balance_lane *lane)
{
    uint32_t load = lane->queued + lane->running;
    uint32_t window = lane->at_once ? lane->at_once : ff_balance_window(lane->service_us);
    return lane->is_able && !lane->is_overdue && load < window ? window - load : 0;
}

uint32_t ff_balance_spare(const struct ff_balance_lane *lane)
{
    bool is_soon = !lane->is_overdue && lane->service_us < FF_SPARE_US;
    return lane->is_able && is_soon && !lane->at_once && lane->queued == 0 ? 1 : 0;
}

bool ff_balance_is_crowded(uint32_t connections, uint32_t share)
{
    return share > 0 && connections > share + share / 8;
}

int ff_balance_pick(const uint32_t *room, const uint32_t *owed, size_t lanes, size_t cursor)
{
    for (size_t i = 0; owed && i < lanes; i++)
        if (owed[i] > 0 && room[i] > 0)
            return (int)i;
    for (size_t step = 0; step < lanes; step++) {
        size_t lane = cursor + step < lanes ? cursor + step : cursor + step - lanes;
        if (room[lane] > 0)
            return (int)lane;
    }
    return -1;
}

int ff_balance_pick_least(const uint32_t *room, const uint32_t *load, size_t lanes, size_t cursor)
{
    int least = -1;
    for (size_t step = 0; step < lanes; step++) {
        size_t lane = cursor + step < lanes ? cursor + step : cursor + step - lanes;
        if (room[lane] > 0 && (least < 0 || load[lane] < load[least]))
            least = (int)lane;
    }
    return least;
}

/* Spreads what differs in few bits over all of them (the finalizer of MurmurHash3). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

int ff_balance_home(const uint8_t address[16], const bool *is_open, size_t slots)
{
    uint64_t half[2], best = 0;
    int home = -1;
    memcpy(half, address, sizeof(half));
    for (size_t i = 0; i < slots; i++) {
        uint64_t weight = mix(mix(mix(half[0]) ^ half[1]) ^ i);
        if (is_open[i] && (home < 0 || weight > best))
            home = (int)i, best = weight;
    }
    return home;
}

void ff_balance_turn(uint32_t *owed, size_t lanes, size_t *cursor, size_t lane)
{
    if (owed && owed[lane] > 0) {
        owed[lane]--;
        return;
    }
    for (; owed && *cursor != lane; *cursor = *cursor + 1 < lanes ? *cursor + 1 : 0)
        owed[*cursor] += owed[*cursor] < FF_OWED_MAX; /* it is passed over */
    *cursor = lane + 1 < lanes ? lane + 1 : 0;
}

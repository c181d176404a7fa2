#include "balance.h"

uint32_t ff_balance_window(uint32_t service_us)
{
    if (service_us <= FF_WINDOW_US / FF_WINDOW_MAX)
        return FF_WINDOW_MAX;
    return service_us < FF_WINDOW_US ? FF_WINDOW_US / service_us : 1;
}

uint32_t ff_balance_credit(const struct ff_balance_lane *lane)
{
    uint32_t load = lane->queued + lane->running, window = ff_balance_window(lane->service_us);
    return lane->is_able && !lane->is_overdue && load < window ? window - load : 0;
}

uint32_t ff_balance_spare(const struct ff_balance_lane *lane)
{
    return lane->is_able && !lane->is_overdue && lane->queued == 0 ? 1 : 0;
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

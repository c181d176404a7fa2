#include "balance.h"

int ff_balance_rotate(const uint32_t *room, size_t lanes, size_t *cursor)
{
    for (size_t step = 0; step < lanes; step++) {
        size_t lane = *cursor + step < lanes ? *cursor + step : *cursor + step - lanes;
        if (room[lane] > 0) {
            *cursor = lane + 1 < lanes ? lane + 1 : 0;
            return (int)lane;
        }
    }
    return -1;
}

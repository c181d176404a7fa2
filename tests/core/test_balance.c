#include "balance.h"
#include "check.h"

TEST(room_is_what_the_window_leaves)
{
    static const struct {
        uint32_t dealt, claimed, window, room;
    } table[] = {
        {0, 0, 64, 64},  {10, 4, 64, 58},         {64, 0, 64, 0},
        {100, 0, 64, 0}, {5, UINT32_MAX, 64, 58}, /* the counters wrapped: 6 are queued */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        CHECK(ff_balance_room(table[i].dealt, table[i].claimed, table[i].window) == table[i].room);
}

TEST(rotation_is_strict_while_all_have_room)
{
    uint32_t room[3] = {9, 9, 9};
    size_t cursor = 0;
    for (int i = 0; i < 9; i++)
        CHECK(ff_balance_rotate(room, 3, &cursor) == i % 3);
}

TEST(a_full_lane_is_passed_over_and_keeps_its_turn_later)
{
    uint32_t room[3] = {1, 0, 1};
    size_t cursor = 1;
    CHECK(ff_balance_rotate(room, 3, &cursor) == 2);
    room[1] = 1;
    CHECK(ff_balance_rotate(room, 3, &cursor) == 0);
    CHECK(ff_balance_rotate(room, 3, &cursor) == 1);
}

TEST(no_room_anywhere_is_told_and_moves_nothing)
{
    uint32_t room[2] = {0, 0};
    size_t cursor = 1;
    CHECK(ff_balance_rotate(room, 2, &cursor) == -1);
    CHECK(ff_balance_rotate(room, 0, &cursor) == -1);
    CHECK(cursor == 1);
}

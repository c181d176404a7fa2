#include "balance.h"
#include "check.h"

TEST(the_window_is_what_a_lane_serves_in_a_millisecond)
{
    static const uint32_t table[][2] = {{0, 64},       {5, 64},        {15, 64}, {20, 50},
                                        {100, 10},     {400, 2},       {999, 1}, {5000, 1},
                                        {67108864, 1}, {UINT32_MAX, 1}};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        CHECK(ff_balance_window(table[i][0]) == table[i][1]);
}

TEST(credit_and_spare_follow_what_a_lane_is_doing)
{
    static const struct {
        struct ff_balance_lane lane;
        uint32_t credit, spare;
    } table[] = {
        /* queued, running, service, able, overdue, at once */
        {{0, 0, 1500, true, false, 0}, 1, 1}, /* idle and slow: one */
        {{0, 1, 1500, true, false, 0}, 0, 1}, /* in a request: one behind it, if nobody is idle */
        {{1, 1, 1500, true, false, 0}, 0, 0}, /* and no second */
        {{0, 1, 1500, true, true, 0}, 0, 0},  /* it takes long already */
        {{0, 1, 4000, true, false, 0}, 0, 0}, /* it will take long: others may end first */
        {{0, 0, 4000, true, false, 0}, 1, 0},
        {{0, 0, 10, true, false, 0}, 64, 1}, /* idle and fast: many */
        {{60, 1, 10, true, false, 0}, 3, 0}, /* what is left of the window */
        {{64, 1, 10, true, false, 0}, 0, 0},
        {{0, 0, 10, false, false, 0}, 0, 0},     /* not ready */
        {{3, 90, 5000, true, false, 100}, 7, 0}, /* on a loop: its places */
        {{0, 100, 10, true, false, 100}, 0, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        CHECK(ff_balance_credit(&table[i].lane) == table[i].credit);
        CHECK(ff_balance_spare(&table[i].lane) == table[i].spare);
    }
}

TEST(a_lane_is_crowded_with_clearly_more_than_its_share)
{
    static const uint32_t table[][3] = {/* connections, share, is it? */
                                        {1000, 0, false}, {1, 1, false},     {2, 1, true},
                                        {4, 4, false},    {5, 4, true},      {9, 8, false},
                                        {10, 8, true},    {112, 100, false}, {113, 100, true}};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        CHECK(ff_balance_is_crowded(table[i][0], table[i][1]) == table[i][2]);
}

static int deal(const uint32_t *room, uint32_t *owed, size_t lanes, size_t *cursor)
{
    int lane = ff_balance_pick(room, owed, lanes, *cursor);
    if (lane >= 0)
        ff_balance_turn(owed, lanes, cursor, (size_t)lane);
    return lane;
}

TEST(rotation_is_strict_while_all_have_room)
{
    uint32_t room[3] = {9, 9, 9};
    size_t cursor = 0;
    for (int i = 0; i < 9; i++)
        CHECK(deal(room, NULL, 3, &cursor) == i % 3);
}

TEST(a_full_lane_is_passed_over_and_keeps_its_turn_later)
{
    uint32_t room[3] = {1, 0, 1};
    size_t cursor = 1;
    CHECK(deal(room, NULL, 3, &cursor) == 2);
    room[1] = 1;
    CHECK(deal(room, NULL, 3, &cursor) == 0);
    CHECK(deal(room, NULL, 3, &cursor) == 1);
}

TEST(no_room_anywhere_is_told_and_moves_nothing)
{
    uint32_t room[2] = {0, 0};
    size_t cursor = 1;
    CHECK(deal(room, NULL, 2, &cursor) == -1);
    CHECK(deal(room, NULL, 0, &cursor) == -1);
    CHECK(cursor == 1);
}

TEST(the_least_loaded_lane_with_room_is_picked_and_equals_take_turns)
{
    static const struct {
        uint32_t room[4], load[4];
        size_t cursor;
        int lane;
    } table[] = {
        {{9, 9, 9, 9}, {0, 0, 0, 0}, 0, 0}, {{9, 9, 9, 9}, {0, 0, 0, 0}, 2, 2},
        {{9, 9, 9, 9}, {3, 1, 2, 1}, 0, 1}, {{9, 9, 9, 9}, {3, 1, 2, 1}, 2, 3},
        {{9, 0, 9, 9}, {3, 0, 2, 4}, 0, 2}, {{0, 0, 0, 0}, {0, 0, 0, 0}, 1, -1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        CHECK(ff_balance_pick_least(table[i].room, table[i].load, 4, table[i].cursor) ==
              table[i].lane);
}

TEST(an_address_has_one_home_and_moves_only_when_that_closes)
{
    bool is_open[8] = {1, 1, 1, 1, 1, 1, 1, 1}, none[8] = {0};
    uint32_t got[8] = {0};
    for (int i = 0; i < 4000; i++) {
        uint8_t address[16] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        int home = ff_balance_home(address, is_open, 8);
        got[home]++;
        CHECK(ff_balance_home(address, is_open, 8) == home);
        is_open[3] = false;
        CHECK(home == 3 ? ff_balance_home(address, is_open, 8) != 3
                        : ff_balance_home(address, is_open, 8) == home);
        is_open[3] = true;
        CHECK(ff_balance_home(address, none, 8) == -1);
    }
    for (int i = 0; i < 8; i++)
        CHECK(got[i] > 400 && got[i] < 600);
}

TEST(a_lane_that_lost_its_turns_gets_them_when_it_has_room)
{
    uint32_t room[3] = {9, 0, 9}, owed[3] = {0}, got[3] = {0};
    size_t cursor = 0;
    for (int i = 0; i < 8; i++)
        got[deal(room, owed, 3, &cursor)]++;
    CHECK(got[0] == 4 && got[1] == 0 && got[2] == 4 && owed[1] == 4);
    room[1] = 9;
    for (int i = 0; i < 4; i++)
        CHECK(deal(room, owed, 3, &cursor) == 1);
    CHECK(owed[1] == 0 && deal(room, owed, 3, &cursor) == 0);
}

TEST(what_a_lane_is_owed_is_bounded)
{
    uint32_t room[2] = {9, 0}, owed[2] = {0};
    size_t cursor = 0;
    for (int i = 0; i < 1000; i++)
        CHECK(deal(room, owed, 2, &cursor) == 0);
    CHECK(owed[1] == FF_OWED_MAX);
}

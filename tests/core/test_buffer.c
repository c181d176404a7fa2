#include "buffer.h"
#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool holds(const struct ff_buffer *b, const char *text)
{
    return ff_buffer_len(b) == strlen(text) && memcmp(ff_buffer_head(b), text, strlen(text)) == 0;
}

TEST(a_zeroed_buffer_is_empty_and_usable)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_len(&b) == 0 && ff_buffer_room(&b) == 0);
    ff_buffer_close(&b);
    CHECK(ff_buffer_append(&b, "ab", 2) == 0 && holds(&b, "ab"));
    ff_buffer_close(&b);
    CHECK(ff_buffer_len(&b) == 0 && !b.data);
}

TEST(what_is_added_at_the_back_is_read_from_the_front)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_append(&b, "hello ", 6) == 0);
    CHECK(ff_buffer_append(&b, "world", 5) == 0 && holds(&b, "hello world"));
    ff_buffer_consume(&b, 6);
    CHECK(holds(&b, "world") && ff_buffer_tail(&b) == ff_buffer_head(&b) + 5);
    ff_buffer_close(&b);
}

TEST(an_empty_buffer_starts_over_at_offset_0)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_append(&b, "abc", 3) == 0);
    size_t cap = b.cap;
    ff_buffer_consume(&b, 3);
    CHECK(b.start == 0 && b.end == 0 && ff_buffer_room(&b) == cap);
    CHECK(ff_buffer_append(&b, "d", 1) == 0);
    ff_buffer_clear(&b);
    CHECK(ff_buffer_len(&b) == 0 && b.cap == cap);
    ff_buffer_close(&b);
}

TEST(adding_nothing_changes_nothing)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_append(&b, NULL, 0) == 0 && !b.data);
    ff_buffer_consume(&b, 0);
    CHECK(ff_buffer_reserve(&b, 0) == 0 && !b.data);
}

TEST(consumed_octets_are_reused_before_more_memory_is_asked_for)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_reserve(&b, 512) == 0);
    memset(b.data, 'x', b.cap);
    b.end = b.cap;
    size_t cap = b.cap;
    ff_buffer_consume(&b, cap - 2);
    CHECK(ff_buffer_reserve(&b, 100) == 0 && b.cap == cap && b.start == 0 && holds(&b, "xx"));
    ff_buffer_close(&b);
}

TEST(growing_keeps_the_octets_and_drops_what_was_consumed)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_append(&b, "0123456789", 10) == 0);
    ff_buffer_consume(&b, 3);
    CHECK(ff_buffer_reserve(&b, 100000) == 0 && holds(&b, "3456789"));
    CHECK(ff_buffer_room(&b) >= 100000);
    ff_buffer_close(&b);
}

TEST(a_size_that_no_memory_can_have_fails_and_changes_nothing)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_append(&b, "ab", 2) == 0);
    struct ff_buffer before = b;
    CHECK(ff_buffer_reserve(&b, SIZE_MAX) == -ENOMEM);
    CHECK(ff_buffer_reserve(&b, SIZE_MAX - 1) == -ENOMEM);
    CHECK(memcmp(&b, &before, sizeof(b)) == 0 && holds(&b, "ab"));
    ff_buffer_close(&b);
}

TEST(many_small_parts_cost_few_moves)
{
    struct ff_buffer b = {0};
    unsigned moves = 0;
    for (unsigned i = 0; i < 100000; i++) {
        const char *before = b.data;
        size_t start = b.start;
        CHECK(ff_buffer_append(&b, "abc", 3) == 0);
        moves += b.data != before || b.start != start;
        if (i % 3 == 2)
            ff_buffer_consume(&b, 8);
    }
    CHECK(ff_buffer_len(&b) == 300000 - 33333 * 8);
    CHECK(moves < 400);
    ff_buffer_close(&b);
}

TEST(a_full_buffer_that_is_drained_slowly_grows_instead_of_moving_each_time)
{
    struct ff_buffer b = {0};
    CHECK(ff_buffer_reserve(&b, 512) == 0);
    memset(b.data, 'x', b.cap);
    b.end = b.cap;
    size_t cap = b.cap;
    ff_buffer_consume(&b, 1);
    CHECK(ff_buffer_reserve(&b, 1) == 0 && b.cap > cap && ff_buffer_len(&b) == cap - 1);
    ff_buffer_close(&b);
}

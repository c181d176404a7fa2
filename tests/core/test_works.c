#include "check.h"
#include "page.h"
#include "works.h"

#include <string.h>

enum { MIB = 1024 * 1024 };

static char blocks[FF_BLOCKS_OWN * FF_BLOCK];

TEST(a_work_comes_back_empty_and_is_lent_again)
{
    struct ff_works works = {.blocks = blocks};
    struct ff_conn c = {0}, other = {0};
    ff_works_lend(&works, &c);
    struct ff_work *work = c.work;
    CHECK(work && work->block == 1 && work->in.is_lent && work->in.data == blocks);
    ff_works_lend(&works, &c); /* it has one */
    CHECK(c.work == work);
    CHECK(ff_buffer_append(&work->in, "GET", 3) == 0 && ff_buffer_append(&work->out, "no", 2) == 0);
    work->body_at = work->body_len = 1;
    ff_works_take_back(&works, &c);
    CHECK(!c.work && works.spares == 1);
    ff_works_take_back(&works, &c); /* it has none */
    ff_works_lend(&works, &other);
    CHECK(other.work == work && works.spares == 0 && work->body_at == 0 && work->body_len == 0);
    CHECK(ff_buffer_len(&work->in) == 0 && ff_buffer_len(&work->out) == 0);
    ff_works_take_back(&works, &other);
    ff_works_close(&works);
}

TEST(works_with_a_block_are_all_kept_and_few_of_the_others)
{
    struct ff_works works = {.blocks = blocks};
    struct ff_conn c[FF_BLOCKS_OWN + 40] = {0};
    int n = (int)(sizeof(c) / sizeof(*c));
    for (int i = 0; i < n; i++)
        ff_works_lend(&works, &c[i]);
    CHECK(c[FF_BLOCKS_OWN - 1].work->block == FF_BLOCKS_OWN && c[FF_BLOCKS_OWN].work->block == 0);
    for (int i = n - 1; i >= 0; i--)
        ff_works_take_back(&works, &c[i]);
    CHECK(works.spares == FF_BLOCKS_OWN + 16);
    ff_works_close(&works);
}

TEST(memory_of_a_large_body_serves_the_next_one)
{
    struct ff_works works = {.blocks = blocks};
    struct ff_conn c = {0};
    ff_works_lend(&works, &c);
    CHECK(ff_buffer_append(&c.work->in, "POST", 4) == 0);
    ff_works_make_room(&works, &c.work->in, 100);
    CHECK(c.work->in.is_lent); /* it fits where it is */
    ff_works_make_room(&works, &c.work->in, MIB);
    char *memory = c.work->in.data;
    CHECK(!c.work->in.is_lent && ff_buffer_room(&c.work->in) >= MIB);
    CHECK(memcmp(ff_buffer_head(&c.work->in), "POST", 4) == 0);
    ff_works_take_back(&works, &c);
    CHECK(works.large.data == memory);

    ff_works_lend(&works, &c);
    CHECK(ff_buffer_append(&c.work->in, "PUT", 3) == 0);
    ff_works_make_room(&works, &c.work->in, MIB);
    CHECK(c.work->in.data == memory && !works.large.data);
    CHECK(ff_buffer_len(&c.work->in) == 3 && memcmp(memory, "PUT", 3) == 0);
    ff_works_take_back(&works, &c);
    ff_works_close(&works);
}

TEST(memory_that_is_too_small_stays_for_another_and_the_largest_is_kept)
{
    struct ff_works works = {.blocks = blocks};
    struct ff_conn c = {0}, other = {0};
    ff_works_lend(&works, &c);
    ff_works_make_room(&works, &c.work->in, MIB / 2);
    ff_works_take_back(&works, &c);
    char *small = works.large.data;
    ff_works_lend(&works, &other);
    ff_works_make_room(&works, &other.work->in, MIB);
    CHECK(works.large.data == small && other.work->in.data != small);
    char *large = other.work->in.data;
    ff_works_take_back(&works, &other);
    CHECK(works.large.data == large);
    ff_works_close(&works);
}

TEST(memory_without_measure_is_not_kept)
{
    struct ff_works works = {.blocks = blocks};
    struct ff_conn c = {0};
    ff_works_lend(&works, &c);
    ff_works_make_room(&works, &c.work->in, 8 * MIB);
    CHECK(ff_buffer_reserve(&c.work->out, 8 * MIB) == 0);
    ff_works_take_back(&works, &c);
    CHECK(!works.large.data && !works.spare->in.data && !works.spare->out.data);
    ff_works_close(&works);
}

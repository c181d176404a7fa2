#include "check.h"
#include "conntable.h"

#include <errno.h>
#include <pthread.h>

TEST(a_word_holds_state_lane_and_generation_apart)
{
    uint64_t top = ((uint64_t)1 << FF_GENERATION_BITS) - 1;
    uint64_t word = ff_word(FF_QUEUED, FF_LANES_MAX - 1, top);
    CHECK(ff_word_state(word) == FF_QUEUED);
    CHECK(ff_word_lane(word) == FF_LANES_MAX - 1);
    CHECK(ff_word_generation(word) == top);
    word = ff_word_with(word, FF_CLOSED);
    CHECK(word == ff_word(FF_CLOSED, FF_LANES_MAX - 1, top));
}

TEST(a_word_that_is_half_read_is_another_one_each_time)
{
    uint64_t word = ff_word(FF_READING, 3, 7), half = ff_word_half(word, 1);
    CHECK(ff_word_state(half) == FF_HALF && ff_word_lane(half) == 3 &&
          ff_word_generation(half) == 7);
    CHECK(half != ff_word_half(word, 2) && ff_word_with(half, FF_READING) == word);
}

TEST(only_the_exact_word_can_be_claimed)
{
    struct ff_conn_line line = {0};
    ff_word_set(&line, ff_word(FF_QUEUED, 3, 7));
    CHECK(!ff_word_claim(&line, ff_word(FF_QUEUED, 3, 6), ff_word(FF_READING, 3, 6)));
    CHECK(!ff_word_claim(&line, ff_word(FF_QUEUED, 2, 7), ff_word(FF_READING, 2, 7)));
    CHECK(ff_word_claim(&line, ff_word(FF_QUEUED, 3, 7), ff_word(FF_READING, 3, 7)));
    CHECK(!ff_word_claim(&line, ff_word(FF_QUEUED, 3, 7), ff_word(FF_PARKED, 0, 7)));
}

TEST(a_page_has_bounds)
{
    struct ff_page *page;
    CHECK(ff_page_open(0, &page) == -EINVAL);
    CHECK(ff_page_open(FF_CONNS_MAX + 1, &page) == -EINVAL);
    CHECK(ff_page_open(100, &page) == 0);
    CHECK(page->conns_max == 100 && page->conn[100].requests == 0);
    ff_page_free(page);
}

TEST(returned_connections_come_back_last_first_and_once)
{
    struct ff_page *page;
    CHECK(ff_page_open(10, &page) == 0);
    for (uint32_t id = 1; id <= 3; id++)
        ff_return_push(page, 5, id);
    CHECK(ff_return_take(page, 4) == 0);
    uint32_t id = ff_return_take(page, 5);
    CHECK(id == 3 && (id = ff_return_next(page, id)) == 2 && (id = ff_return_next(page, id)) == 1);
    CHECK(ff_return_next(page, id) == 0);
    CHECK(ff_return_take(page, 5) == 0);
    ff_page_free(page);
}

enum { ROUNDS = 200000, IDS = 64 };

/* The lane's side: returns every id as soon as the master gave it out. */
static void *return_all(void *arg)
{
    struct ff_page *page = arg;
    for (uint32_t n = 0; n < ROUNDS; n++) {
        uint32_t id = n % IDS + 1;
        while (ff_word_state(atomic_load(&page->conn[id].word)) != FF_QUEUED)
            ;
        ff_word_set(&page->conn[id], ff_word(FF_CLOSED, 0, n));
        ff_return_push(page, 0, id);
    }
    return NULL;
}

TEST(a_lane_and_the_master_pass_every_connection_exactly_once)
{
    struct ff_page *page;
    pthread_t lane;
    uint32_t seen = 0;
    CHECK(ff_page_open(IDS, &page) == 0);
    for (uint32_t id = 1; id <= IDS; id++)
        ff_word_set(&page->conn[id], ff_word(FF_QUEUED, 0, 0));
    CHECK(pthread_create(&lane, NULL, return_all, page) == 0);
    while (seen < ROUNDS) {
        for (uint32_t next, id = ff_return_take(page, 0); id; id = next, seen++) {
            next = ff_return_next(page, id);
            if (ff_word_state(atomic_load(&page->conn[id].word)) != FF_CLOSED)
                abort();
            ff_word_set(&page->conn[id], ff_word(FF_QUEUED, 0, seen));
        }
    }
    pthread_join(lane, NULL);
    CHECK(seen == ROUNDS && ff_return_take(page, 0) == 0);
    ff_page_free(page);
}

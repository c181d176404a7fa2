/* The one wake-up of the protocol: the master sleeps because all lanes are full, a lane finds room.
 * HANDSHAKE_ROUNDS (an environment variable) makes it longer. */
#include "check.h"
#include "lane.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROUNDS = 200000, MISSED_MS = 2000 };

static struct ff_page *page;
static int bell;
static _Atomic uint32_t dealt, is_over;

/* Claims what is dealt, one at a time, as ff_lane_next and ff_lane_count do. */
static void *lane_side(void *arg)
{
    struct ff_lane lane = {.config.seat = {.page = page, .bell = bell}, .line = &page->lane[0]};
    uint32_t claimed = 0;
    while (!atomic_load(&is_over)) {
        if (atomic_load(&dealt) == claimed)
            continue;
        atomic_store(&lane.line->running, 1);
        atomic_store(&lane.line->claimed, ++claimed);
        atomic_store(&lane.line->running, 0);
        ff_lane_poke(&lane);
    }
    return arg;
}

static bool has_room(void)
{
    return atomic_load(&page->lane[0].running) == 0 &&
           atomic_load(&page->lane[0].claimed) == atomic_load(&dealt);
}

/* Sleeps until the bell rings, as the dispatcher does; false if it never did. */
static bool sleep_until_rung(void)
{
    struct pollfd p = {.fd = bell, .events = POLLIN};
    uint64_t rings;
    bool is_rung =
        poll(&p, 1, MISSED_MS) == 1 && read(bell, &rings, sizeof(rings)) == sizeof(rings);
    atomic_fetch_add(&page->looks, 1);
    return is_rung;
}

TEST(no_wake_up_is_missed_between_a_full_master_and_a_lane_that_finds_room)
{
    const char *text = getenv("HANDSHAKE_ROUNDS");
    uint32_t rounds = text ? (uint32_t)atoi(text) : ROUNDS;
    pthread_t lane;
    CHECK(ff_page_open(1, &page) == 0 && (bell = eventfd(0, EFD_NONBLOCK)) >= 0);
    CHECK(pthread_create(&lane, NULL, lane_side, NULL) == 0);
    bool is_rung = true;
    for (uint32_t n = 0; n < rounds && is_rung; n++) {
        while (is_rung && !has_room()) {
            atomic_store(&page->all_full, 1);
            if (!has_room())
                is_rung = sleep_until_rung();
            atomic_store(&page->all_full, 0);
        }
        atomic_fetch_add(&dealt, 1);
    }
    atomic_store(&is_over, 1);
    pthread_join(lane, NULL);
    CHECK(is_rung);
    close(bell);
    ff_page_free(page);
}

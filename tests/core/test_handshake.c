/* The one wake-up of the protocol: the master sleeps because all lanes are full, a lane finds room.
 * HANDSHAKE_ROUNDS (an environment variable) makes it longer. */
#include "check.h"
#include "lane.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000000, MISSED_MS = 5000 };

/* What both sides see, in one process or in two. */
static struct {
    struct ff_page *page;
    int bell;
    _Atomic uint32_t *dealt, *is_over;
} shared;

/* Claims what is dealt, one at a time, as ff_lane_next and ff_lane_count do. */
static void *lane_side(void *arg)
{
    struct ff_lane lane = {.config.seat = {.page = shared.page, .bell = shared.bell},
                           .line = &shared.page->lane[0]};
    uint32_t claimed = 0;
    while (!atomic_load(shared.is_over)) {
        if (atomic_load(shared.dealt) == claimed)
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
    return atomic_load(&shared.page->lane[0].running) == 0 &&
           atomic_load(&shared.page->lane[0].claimed) == atomic_load(shared.dealt);
}

/* Sleeps until the bell rings, as the dispatcher does; false if it never did. */
static bool sleep_until_rung(void)
{
    struct pollfd p = {.fd = shared.bell, .events = POLLIN};
    uint64_t rings;
    bool is_rung =
        poll(&p, 1, MISSED_MS) == 1 && read(shared.bell, &rings, sizeof(rings)) == sizeof(rings);
    atomic_fetch_add(&shared.page->looks, 1);
    return is_rung;
}

/* True if the bell rang whenever it had to. */
static bool master_side(void)
{
    const char *text = getenv("HANDSHAKE_ROUNDS");
    uint32_t rounds = text ? (uint32_t)atoi(text) : ROUNDS;
    bool is_rung = true;
    alarm(60 + rounds / 20000);
    for (uint32_t n = 0; n < rounds && is_rung; n++) {
        while (is_rung && !has_room()) {
            atomic_store(&shared.page->all_full, 1);
            if (!has_room())
                is_rung = sleep_until_rung();
            atomic_store(&shared.page->all_full, 0);
        }
        atomic_fetch_add(shared.dealt, 1);
    }
    atomic_store(shared.is_over, 1);
    return is_rung;
}

static bool open_shared(void)
{
    _Atomic uint32_t *words =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared.dealt = words;
    shared.is_over = words + 64; /* in a cache line of its own */
    return words != MAP_FAILED && ff_page_open(1, &shared.page) == 0 &&
           (shared.bell = eventfd(0, EFD_NONBLOCK)) >= 0;
}

static void close_shared(void)
{
    close(shared.bell);
    ff_page_free(shared.page);
    munmap((void *)shared.dealt, 4096);
}

TEST(no_wake_up_is_missed_between_a_full_master_and_a_lane_that_finds_room)
{
    pthread_t lane;
    CHECK(open_shared() && pthread_create(&lane, NULL, lane_side, NULL) == 0);
    bool is_rung = master_side();
    pthread_join(lane, NULL);
    close_shared();
    CHECK(is_rung);
}

TEST(no_wake_up_is_missed_between_two_processes)
{
    CHECK(open_shared());
    pid_t lane = fork();
    if (lane == 0) {
        lane_side(NULL);
        _exit(0);
    }
    bool is_rung = master_side();
    CHECK(lane > 0 && waitpid(lane, NULL, 0) == lane);
    close_shared();
    CHECK(is_rung);
}

#include "check.h"
#include "pace.h"

static const int64_t S = 1000000;

static const struct ff_pace_rule rule = {.grace_us = 30000000, .per_s = 500};

/* Does a client that moves `octets` every `gap_us` go on for `n` times? */
static int rounds(const struct ff_pace_rule *by, int64_t gap_us, uint64_t octets, int n)
{
    struct ff_pace pace = {0};
    int64_t now_us = 5 * S;
    uint64_t total = 1000;
    for (int i = 0; i < n; i++) {
        ff_pace_wait(&pace, by, now_us, total);
        now_us += gap_us, total += octets;
        if (!ff_pace_goes_on(&pace, by, now_us, total))
            return i;
    }
    return n;
}

TEST(a_stall_is_over_when_the_grace_is)
{
    CHECK(rounds(&rule, 30 * S - 1, 0, 1) == 1 && rounds(&rule, 30 * S, 0, 1) == 0);
    CHECK(rounds(&rule, 10 * S, 0, 9) == 2);
}

TEST(a_client_at_the_rate_goes_on_for_ever)
{
    CHECK(rounds(&rule, S, 500, 10000) == 10000);
    CHECK(rounds(&rule, 20 * S, 10000, 10000) == 10000);
    CHECK(rounds(&rule, 2000, 1, 100000) == 100000);
}

TEST(a_client_below_the_rate_ends_after_the_grace)
{
    CHECK(rounds(&rule, S, 1, 1000) == 30); /* a drip, an octet a second */
    CHECK(rounds(&rule, S, 250, 1000) == 59);
    CHECK(rounds(&rule, 29 * S, 1, 1000) == 1);
}

TEST(a_burst_is_no_licence_to_drip_for_longer_than_the_grace)
{
    struct ff_pace pace = {0};
    ff_pace_wait(&pace, &rule, S, 0);
    CHECK(ff_pace_goes_on(&pace, &rule, 2 * S, UINT64_MAX));
    CHECK(ff_pace_goes_on(&pace, &rule, 31 * S, UINT64_MAX));
    CHECK(!ff_pace_goes_on(&pace, &rule, 32 * S, UINT64_MAX));
}

TEST(our_own_time_costs_the_client_nothing)
{
    struct ff_pace pace = {0};
    for (int i = 1; i < 1000; i++) {
        ff_pace_wait(&pace, &rule, i * 1000 * S, 7);
        CHECK(ff_pace_goes_on(&pace, &rule, i * 1000 * S + S / 100, 7));
    }
}

TEST(without_a_rate_every_octet_gives_the_grace_back)
{
    struct ff_pace_rule any = {.grace_us = 30 * S};
    CHECK(rounds(&any, 29 * S, 1, 1000) == 1000 && rounds(&any, 30 * S, 0, 1) == 0);
}

TEST(without_a_grace_nobody_is_too_slow)
{
    struct ff_pace_rule none = {.per_s = 500};
    CHECK(rounds(&none, 1000 * S, 0, 10) == 10);
}

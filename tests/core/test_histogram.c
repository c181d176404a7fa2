#include "check.h"
#include "histogram.h"

TEST(every_time_lies_before_the_end_of_its_range_and_not_before_the_one_below)
{
    for (int64_t us = 0; us < 200000000; us += us / 1000 + 1) {
        uint32_t range = ff_histogram_range(us);
        CHECK(range < FF_HISTOGRAM_RANGES);
        CHECK(us < ff_histogram_end(range) || range == FF_HISTOGRAM_RANGES - 1);
        CHECK(range == 0 || us >= ff_histogram_end(range - 1));
    }
}

TEST(a_range_is_a_quarter_of_its_beginning_at_most)
{
    for (uint32_t range = 4; range < FF_HISTOGRAM_RANGES; range++) {
        int64_t begin = ff_histogram_end(range - 1), end = ff_histogram_end(range);
        CHECK(end > begin && (end - begin) * 4 <= begin);
    }
}

TEST(what_is_longer_than_all_ranges_falls_into_the_last_and_nothing_is_negative)
{
    CHECK(ff_histogram_range(INT64_MAX) == FF_HISTOGRAM_RANGES - 1);
    CHECK(ff_histogram_range(-1) == 0);
    CHECK(ff_histogram_end(FF_HISTOGRAM_RANGES - 2) > 100000000);
}

TEST(counting_adds_one_and_the_time)
{
    static struct ff_histogram h;
    ff_histogram_count(&h, 10);
    ff_histogram_count(&h, 10);
    CHECK(atomic_load(&h.count[ff_histogram_range(10)]) == 2 && atomic_load(&h.sum_us) == 20);
}

#include "check.h"
#include "deadlines.h"

static const int64_t AFTER[FF_DEADLINE_CLASSES] = {10, 30, 0, 75, 0};

TEST(nothing_set_is_never_due)
{
    struct ff_deadlines d;
    ff_deadlines_init(&d, AFTER);
    CHECK(ff_deadlines_next(&d) == INT64_MAX);
    CHECK(ff_deadlines_expire(&d, INT64_MAX - 1) == NULL);
}

TEST(the_earliest_of_all_classes_is_next)
{
    struct ff_deadlines d;
    struct ff_deadline a = {0}, b = {0};
    ff_deadlines_init(&d, AFTER);
    ff_deadlines_set(&d, &a, 3, 100);
    ff_deadlines_set(&d, &b, 0, 120);
    CHECK(ff_deadlines_next(&d) == 130);
    CHECK(ff_deadlines_expire(&d, 129) == NULL);
    CHECK(ff_deadlines_expire(&d, 130) == &b);
    CHECK(ff_deadlines_next(&d) == 175);
}

TEST(setting_again_moves_it_to_the_end)
{
    struct ff_deadlines d;
    struct ff_deadline a = {0}, b = {0};
    ff_deadlines_init(&d, AFTER);
    ff_deadlines_set(&d, &a, 1, 0);
    ff_deadlines_set(&d, &b, 1, 1);
    ff_deadlines_set(&d, &a, 1, 2);
    CHECK(ff_deadlines_expire(&d, 100) == &b);
    CHECK(ff_deadlines_expire(&d, 100) == &a);
    CHECK(ff_deadlines_expire(&d, 100) == NULL);
}

TEST(clearing_is_idempotent_and_final)
{
    struct ff_deadlines d;
    struct ff_deadline a = {0};
    ff_deadlines_init(&d, AFTER);
    ff_deadlines_clear(&a);
    ff_deadlines_set(&d, &a, 0, 0);
    CHECK(ff_deadline_is_set(&a));
    ff_deadlines_clear(&a);
    ff_deadlines_clear(&a);
    CHECK(!ff_deadline_is_set(&a));
    CHECK(ff_deadlines_next(&d) == INT64_MAX);
}

TEST(a_class_without_duration_never_expires)
{
    struct ff_deadlines d;
    struct ff_deadline a = {0};
    ff_deadlines_init(&d, AFTER);
    ff_deadlines_set(&d, &a, 2, 0);
    CHECK(!ff_deadline_is_set(&a));
}

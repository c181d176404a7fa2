#include "cells.h"
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, ADDITIONS = 100000, EVERY = 1000 };

static struct ff_cells *open_cells(void)
{
    struct ff_cells *cells;
    if (ff_cells_map(-1, &cells) < 0)
        abort();
    return cells;
}

static int find(struct ff_cells *cells, enum ff_cell_kind kind, const char *name)
{
    return ff_cells_find(cells, kind, name, strlen(name));
}

static int find_numbered(struct ff_cells *cells, int number)
{
    char name[16];
    snprintf(name, sizeof(name), "cell %d", number);
    return find(cells, FF_CELL_COUNTER, name);
}

/* Runs `work` in PROCESSES children, each with its row; how many ended badly. */
static int in_children(struct ff_cells *cells, void (*work)(struct ff_cells *, uint16_t row))
{
    int bad = 0, status;
    for (uint16_t row = 1; row <= PROCESSES; row++)
        if (fork() == 0) {
            ff_cells_sit(cells, row);
            work(cells, row);
            _exit(0);
        }
    while (wait(&status) > 0)
        bad += status != 0;
    return bad;
}

TEST(a_name_finds_the_same_cell_and_another_name_another_one)
{
    struct ff_cells *cells = open_cells();
    int a = find(cells, FF_CELL_COUNTER, "a");
    CHECK(a >= 0 && find(cells, FF_CELL_COUNTER, "a") == a);
    CHECK(find(cells, FF_CELL_COUNTER, "b") >= 0 && find(cells, FF_CELL_COUNTER, "b") != a);
    ff_cells_free(cells);
}

TEST(a_name_of_one_kind_is_no_name_of_another)
{
    struct ff_cells *cells = open_cells();
    CHECK(find(cells, FF_CELL_COUNTER, "a") >= 0);
    CHECK(find(cells, FF_CELL_GAUGE, "a") == -EEXIST);
    CHECK(find(cells, FF_CELL_LIMIT, "a") == -EEXIST);
    ff_cells_free(cells);
}

TEST(there_are_as_many_names_as_promised_and_no_more)
{
    struct ff_cells *cells = open_cells();
    for (int i = 0; i < FF_CELLS_MAX; i++)
        CHECK(find_numbered(cells, i) >= 0);
    CHECK(find(cells, FF_CELL_COUNTER, "one more") == -ENOSPC);
    CHECK(find_numbered(cells, 7) >= 0);
    ff_cells_free(cells);
}

TEST(names_are_neither_empty_nor_too_long)
{
    struct ff_cells *cells = open_cells();
    char name[FF_CELL_NAME_MAX + 1] = {0};
    CHECK(ff_cells_find(cells, FF_CELL_GAUGE, name, sizeof(name)) == -EINVAL);
    CHECK(ff_cells_find(cells, FF_CELL_GAUGE, name, sizeof(name) - 1) >= 0);
    CHECK(ff_cells_find(cells, FF_CELL_GAUGE, name, 0) == -EINVAL);
    ff_cells_free(cells);
}

static void find_all(struct ff_cells *cells, uint16_t row)
{
    for (int i = 0; i < FF_CELLS_MAX; i++) {
        int number = (i + row * 100) % FF_CELLS_MAX;
        int cell = find_numbered(cells, number);
        if (cell < 0)
            _exit(1);
        ff_cells_add(cells, row, (uint32_t)cell, number);
    }
}

TEST(processes_that_make_the_same_names_at_once_agree)
{
    struct ff_cells *cells = open_cells();
    CHECK(in_children(cells, find_all) == 0);
    for (int i = 0; i < FF_CELLS_MAX; i++)
        CHECK(ff_cells_value(cells, (uint32_t)find_numbered(cells, i)) == i * PROCESSES);
    ff_cells_free(cells);
}

TEST(a_name_whose_maker_died_before_writing_it_is_found)
{
    struct ff_cells *cells = open_cells();
    int a = find(cells, FF_CELL_COUNTER, "a");
    atomic_store(&cells->name[a].is_written, 0);
    memset(cells->name[a].name, 0, FF_CELL_NAME_MAX);
    CHECK(find(cells, FF_CELL_COUNTER, "a") == a);
    CHECK(cells->name[a].name[0] == 'a');
    ff_cells_free(cells);
}

static void add_everywhere(struct ff_cells *cells, uint16_t row)
{
    for (int i = 0; i < ADDITIONS; i++) {
        ff_cells_add(cells, row, 0, 1);
        ff_cells_add(cells, 0, 1, 1); /* all in one row, as children of a worker do */
    }
}

TEST(no_addition_is_lost_whether_rows_are_shared_or_not)
{
    struct ff_cells *cells = open_cells();
    CHECK(in_children(cells, add_everywhere) == 0);
    CHECK(ff_cells_value(cells, 0) == PROCESSES * ADDITIONS);
    CHECK(ff_cells_value(cells, 1) == PROCESSES * ADDITIONS);
    ff_cells_free(cells);
}

TEST(the_share_of_a_gauge_is_given_back_and_what_was_counted_stays)
{
    struct ff_cells *cells = open_cells();
    uint32_t counter = (uint32_t)find(cells, FF_CELL_COUNTER, "requests");
    uint32_t gauge = (uint32_t)find(cells, FF_CELL_GAUGE, "users");
    ff_cells_sit(cells, FF_CELLS_ROWS - 1);
    ff_cells_sit(cells, 1);
    ff_cells_add(cells, 1, counter, 3);
    ff_cells_set(cells, 1, gauge, 4);
    ff_cells_add(cells, FF_CELLS_ROWS - 1, gauge, 5);
    CHECK(ff_cells_value(cells, counter) == 3 && ff_cells_value(cells, gauge) == 9);
    ff_cells_give_back(cells, 1);
    CHECK(ff_cells_value(cells, counter) == 3 && ff_cells_value(cells, gauge) == 5);
    ff_cells_free(cells);
}

TEST(a_limit_lets_its_burst_pass_and_then_one_at_a_time)
{
    struct ff_cells *cells = open_cells();
    int64_t now = 1000000;
    for (int i = 0; i < 5; i++)
        CHECK(ff_cells_take(cells, 0, now, EVERY, 5) == 0);
    CHECK(ff_cells_take(cells, 0, now, EVERY, 5) == EVERY);
    CHECK(ff_cells_take(cells, 0, now + EVERY - 1, EVERY, 5) == 1);
    CHECK(ff_cells_take(cells, 0, now + EVERY, EVERY, 5) == 0);
    CHECK(ff_cells_take(cells, 0, now + EVERY, EVERY, 5) == EVERY);
    now += 100 * EVERY; /* a long rest earns a whole burst, and no more */
    for (int i = 0; i < 5; i++)
        CHECK(ff_cells_take(cells, 0, now, EVERY, 5) == 0);
    CHECK(ff_cells_take(cells, 0, now, EVERY, 5) == EVERY);
    ff_cells_free(cells);
}

static void take_all(struct ff_cells *cells, uint16_t row)
{
    for (int i = 0; i < ADDITIONS; i++)
        if (ff_cells_take(cells, 0, 1000000, EVERY, ADDITIONS) == 0)
            ff_cells_add(cells, row, 1, 1);
}

TEST(a_limit_lets_exactly_its_burst_pass_whoever_asks)
{
    struct ff_cells *cells = open_cells();
    CHECK(in_children(cells, take_all) == 0);
    CHECK(ff_cells_value(cells, 1) == ADDITIONS);
    ff_cells_free(cells);
}

static void report(struct ff_cells *cells, uint16_t row)
{
    ff_cells_add(cells, row, (uint32_t)find(cells, FF_CELL_GAUGE, "g"), 1);
}

static int run_template(struct ff_cells *cells)
{
    uint32_t gauge = (uint32_t)find(cells, FF_CELL_GAUGE, "g");
    uint32_t counter = (uint32_t)find(cells, FF_CELL_COUNTER, "c");
    if (ff_cells_detach(cells) < 0)
        return 1;
    ff_cells_set(cells, FF_CELLS_TEMPLATE, gauge, 2);
    ff_cells_add(cells, 0, counter, 1);
    if (ff_cells_value(cells, gauge) != 0)
        return 2;
    return in_children(cells, report);
}

TEST(what_a_template_sets_is_the_share_of_each_process_that_is_forked_from_it)
{
    struct ff_cells *cells = open_cells();
    uint32_t gauge = (uint32_t)find(cells, FF_CELL_GAUGE, "g");
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(run_template(cells));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(ff_cells_value(cells, gauge) == PROCESSES * 3);
    CHECK(ff_cells_value(cells, (uint32_t)find(cells, FF_CELL_COUNTER, "c")) == 1);
    CHECK(cells->share[FF_CELLS_TEMPLATE][gauge] == 0);
    ff_cells_give_back(cells, 1);
    CHECK(ff_cells_value(cells, gauge) == (PROCESSES - 1) * 3);
    ff_cells_free(cells);
}

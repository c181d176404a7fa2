#include "progress.h"

#include "crash.h"

static uint64_t load(const struct ff_conn_line *line)
{
    return atomic_load_explicit(&line->progress, memory_order_relaxed);
}

static void store(struct ff_conn_line *line, uint64_t progress)
{
    ff_crash_point();
    atomic_store_explicit(&line->progress, progress, memory_order_release);
    ff_crash_point();
}

struct ff_base *ff_progress_base(struct ff_conn_line *line)
{
    return &line->base[load(line) & FF_PROGRESS_SECOND];
}

struct ff_base *ff_progress_spare(struct ff_conn_line *line)
{
    return &line->base[!(load(line) & FF_PROGRESS_SECOND)];
}

void ff_progress_lend(struct ff_conn_line *line, uint32_t block)
{
    struct ff_base *base = ff_progress_base(line);
    ff_crash_point();
    base->at = 0;
    atomic_store_explicit(&base->block, block, memory_order_release);
}

void ff_progress_read(struct ff_conn_line *line)
{
    store(line, load(line) | FF_PROGRESS_READ);
}

void ff_progress_tell(struct ff_conn_line *line, uint64_t received)
{
    line->begun_rx = received;
    store(line, load(line) & ~(uint64_t)FF_PROGRESS_READ);
}

void ff_progress_begin(struct ff_conn_line *line, uint64_t received, bool is_unsafe)
{
    line->begun_rx = received;
    store(line, load(line) | FF_PROGRESS_BEGUN | (is_unsafe ? FF_PROGRESS_UNSAFE : 0));
}

void ff_progress_raw(struct ff_conn_line *line)
{
    store(line, load(line) | FF_PROGRESS_BEGUN | FF_PROGRESS_RAW);
}

void ff_progress_move(struct ff_conn_line *line, struct ff_base next)
{
    *ff_progress_spare(line) = next;
    ff_progress_commit(line);
}

void ff_progress_forbid(struct ff_conn_line *line)
{
    store(line, load(line) | FF_PROGRESS_UNSAFE);
}

void ff_progress_send(struct ff_conn_line *line)
{
    if (!(load(line) & FF_PROGRESS_SENT))
        store(line, load(line) | FF_PROGRESS_SENT);
}

void ff_progress_plan(struct ff_conn_line *line, struct ff_base next, uint32_t n, bool is_closing)
{
    *ff_progress_spare(line) = next;
    store(line, load(line) | (is_closing ? FF_PROGRESS_CLOSING : 0) |
                    (uint64_t)n << FF_PROGRESS_PLAN_SHIFT);
}

void ff_progress_commit(struct ff_conn_line *line)
{
    store(line, !(load(line) & FF_PROGRESS_SECOND));
}

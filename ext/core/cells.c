#include "cells.h"

#include "shared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { KIND_MASK = 3 };

int ff_cells_map(int fd, struct ff_cells **out)
{
    void *map;
    int r = ff_shared_map(fd, sizeof(struct ff_cells), &map);
    if (r < 0)
        return r;
    *out = map;
    ff_cells_sit(*out, 0);
    return 0;
}

void ff_cells_free(struct ff_cells *cells)
{
    if (cells)
        munmap(cells, sizeof(*cells));
}

static bool is_gauge(const struct ff_cells *cells, uint32_t cell)
{
    return (atomic_load(&cells->name[cell].key) & KIND_MASK) == FF_CELL_GAUGE;
}

void ff_cells_sit(struct ff_cells *cells, uint16_t row)
{
    uint32_t rows = atomic_load(&cells->rows);
    while (rows <= row && !atomic_compare_exchange_weak(&cells->rows, &rows, (uint32_t)row + 1))
        ;
    for (uint32_t cell = 0; cell < FF_CELLS_MAX; cell++)
        if (is_gauge(cells, cell) && atomic_load(&cells->share[FF_CELLS_TEMPLATE][cell]))
            ff_cells_set(cells, row, cell, atomic_load(&cells->share[FF_CELLS_TEMPLATE][cell]));
}

int ff_cells_detach(struct ff_cells *cells)
{
    void *row = cells->share[FF_CELLS_TEMPLATE];
    void *map = mmap(row, sizeof(cells->share[0]), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return map == MAP_FAILED ? -errno : 0;
}

/* FNV-1a; what two names share by chance is told apart by the names themselves. */
static uint64_t hash_of(const char *name, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
    return hash;
}

/* The place of `key` or of the first free one, from where its hash points on; -ENOSPC. */
static int place_of(struct ff_cells *cells, uint64_t key)
{
    for (uint32_t i = 0; i < FF_CELLS_MAX; i++) {
        uint32_t at = ((uint32_t)(key >> 2) + i) % FF_CELLS_MAX;
        uint64_t there = 0;
        /* exchanged only if it is free; else `there` says what it is */
        atomic_compare_exchange_strong(&cells->name[at].key, &there, key);
        if (there == 0 || (there ^ key) <= KIND_MASK)
            return (int)at;
    }
    return -ENOSPC;
}

int ff_cells_find(struct ff_cells *cells, enum ff_cell_kind kind, const char *name, size_t n)
{
    if (n == 0 || n > FF_CELL_NAME_MAX)
        return -EINVAL;
    uint64_t key = (hash_of(name, n) & ~(uint64_t)KIND_MASK) | (uint64_t)kind;
    int at = place_of(cells, key);
    if (at < 0)
        return at;
    struct ff_cell_name *there = &cells->name[at];
    if (!atomic_load(&there->is_written)) { /* others write the same at most */
        memcpy(there->name, name, n);
        there->length = (uint8_t)n;
        atomic_store(&there->is_written, 1);
    }
    bool is_ours = there->length == n && memcmp(there->name, name, n) == 0;
    return is_ours && atomic_load(&there->key) == key ? at : -EEXIST;
}

int64_t ff_cells_value(const struct ff_cells *cells, uint32_t cell)
{
    int64_t sum = 0;
    uint32_t rows = atomic_load(&cells->rows);
    for (uint32_t row = 0; row < rows; row++) /* unsigned: a sum that overflows wraps */
        sum = (int64_t)((uint64_t)sum + (uint64_t)atomic_load(&cells->share[row][cell]));
    return sum;
}

void ff_cells_give_back(struct ff_cells *cells, uint16_t row)
{
    for (uint32_t cell = 0; cell < FF_CELLS_MAX; cell++)
        if (is_gauge(cells, cell))
            ff_cells_set(cells, row, cell, 0);
}

int64_t ff_cells_take(struct ff_cells *cells, uint32_t cell, int64_t now_ns, int64_t every_ns,
                      int64_t burst)
{
    /* The cell says until when what has passed is paid for: that far ahead of now it may be. */
    int64_t ahead = every_ns * (burst - 1);
    int64_t until = atomic_load(&cells->share[0][cell]), from;
    do {
        from = until > now_ns ? until : now_ns;
        if (from - now_ns > ahead)
            return from - now_ns - ahead;
    } while (!atomic_compare_exchange_weak(&cells->share[0][cell], &until, from + every_ns));
    return 0;
}

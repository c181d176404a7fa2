/* cells: numbers that many processes share, found by name.
 *
 * Runs in:  every process and thread of a server; mapped before the first fork.
 * Blocks:   never; there is no lock that a dying process could keep.
 * Owns:     the mapping, which lasts as long as the process.
 *
 * A cell has a share in each row, and a process writes to the row that it sits at: additions of
 * different processes never meet in a cache line. The value is the sum over the rows. A limit is
 * one number for all: it stands in row 0, which is also the row of whoever is no worker. */
#ifndef FF_CELLS_H
#define FF_CELLS_H

#include "page.h"

#include <stdatomic.h>
#include <stddef.h>

enum { FF_CELLS_MAX = 1024, FF_CELLS_ROWS = FF_LANES_MAX + 2, FF_CELL_NAME_MAX = 111 };

/* The row of a process that others are forked from; it is in no sum. */
enum { FF_CELLS_TEMPLATE = FF_CELLS_ROWS - 1 };

enum ff_cell_kind { FF_CELL_COUNTER = 1, FF_CELL_GAUGE, FF_CELL_LIMIT };

struct ff_cell_name {
    /* hash of the name, and the kind in the lowest two bits; 0: free. Claimed by compare-and-swap,
     * never freed */
    _Alignas(64) _Atomic uint64_t key;
    _Atomic uint32_t is_written; /* the name below; whoever finds the key may write it */
    uint8_t length;
    char name[FF_CELL_NAME_MAX];
};

struct ff_cells {
    _Atomic uint32_t rows; /* highest one that was ever sat at, plus one */
    struct ff_cell_name name[FF_CELLS_MAX];
    _Alignas(4096) _Atomic int64_t share[FF_CELLS_ROWS][FF_CELLS_MAX];
};

/* Maps those that `fd` has, or zeroed ones (shared.h). Memory that is never touched costs nothing.
 * 0 or -errno. */
int ff_cells_map(int fd, struct ff_cells **out);
void ff_cells_free(struct ff_cells *cells);

/* The process will write to `row`, with the shares of gauges that it had as it was forked. */
void ff_cells_sit(struct ff_cells *cells, uint16_t row);

/* In a process that others are forked from: its shares of gauges are its own, and theirs when they
 * sit. 0 or -errno. */
int ff_cells_detach(struct ff_cells *cells);

/* The number of the cell with that name, which is made if there is none. -EINVAL: the name is
 * empty or too long; -ENOSPC: there are FF_CELLS_MAX; -EEXIST: it is of another kind. A process
 * that dies in here costs nothing. */
int ff_cells_find(struct ff_cells *cells, enum ff_cell_kind kind, const char *name, size_t n);

/* The sum over all rows. */
int64_t ff_cells_value(const struct ff_cells *cells, uint32_t cell);

/* The process at `row` is gone: its shares of gauges become 0; what it counted stays. */
void ff_cells_give_back(struct ff_cells *cells, uint16_t row);

/* Takes one from a limit that lets one pass each `every_ns`, and `burst` at once after a rest.
 * 0: it may pass; else the nanoseconds until one may. */
int64_t ff_cells_take(struct ff_cells *cells, uint32_t cell, int64_t now_ns, int64_t every_ns,
                      int64_t burst);

static inline void ff_cells_add(struct ff_cells *cells, uint16_t row, uint32_t cell, int64_t n)
{
    atomic_fetch_add_explicit(&cells->share[row][cell], n, memory_order_relaxed);
}

static inline void ff_cells_set(struct ff_cells *cells, uint16_t row, uint32_t cell, int64_t n)
{
    atomic_store_explicit(&cells->share[row][cell], n, memory_order_relaxed);
}

#endif

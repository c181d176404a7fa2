"""Mirrors cells.h."""

from libc.stdint cimport int64_t, uint16_t, uint32_t


cdef extern from "clock.h" nogil:
    int64_t ff_clock_us()


cdef extern from "shared.h" nogil:
    int ff_shared_open(const char *name, int *out)


cdef extern from "cells.h" nogil:
    enum ff_cell_kind:
        FF_CELL_COUNTER
        FF_CELL_GAUGE
        FF_CELL_LIMIT

    enum:
        FF_CELLS_TEMPLATE

    struct ff_cells:
        pass

    int ff_cells_map(int fd, ff_cells **out)
    void ff_cells_free(ff_cells *cells)
    int ff_cells_detach(ff_cells *cells)
    void ff_cells_sit(ff_cells *cells, uint16_t row)
    int ff_cells_find(ff_cells *cells, ff_cell_kind kind, const char *name, size_t n)
    int64_t ff_cells_value(const ff_cells *cells, uint32_t cell)
    void ff_cells_give_back(ff_cells *cells, uint16_t row)
    int64_t ff_cells_take(
        ff_cells *cells, uint32_t cell, int64_t now_ns, int64_t every_ns, int64_t burst
    )
    void ff_cells_add(ff_cells *cells, uint16_t row, uint32_t cell, int64_t n)
    void ff_cells_set(ff_cells *cells, uint16_t row, uint32_t cell, int64_t n)

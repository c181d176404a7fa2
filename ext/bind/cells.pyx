"""Numbers that processes share; cells.pyi says what each name does."""

from libc.stdint cimport int64_t, uint16_t, uint32_t
from posix.unistd cimport close

from c_cells cimport (
    FF_CELL_COUNTER,
    FF_CELL_GAUGE,
    FF_CELL_LIMIT,
    FF_CELLS_TEMPLATE,
    ff_cell_kind,
    ff_cells,
    ff_cells_add,
    ff_cells_detach,
    ff_cells_find,
    ff_cells_give_back,
    ff_cells_free,
    ff_cells_map,
    ff_cells_set,
    ff_cells_sit,
    ff_cells_take,
    ff_cells_value,
    ff_clock_us,
    ff_shared_open,
)
from check cimport check

# Mapped by the first import: whoever is forked from that process has the same ones.
cdef ff_cells *cells = NULL
cdef int memory = -1
# where counters and gauges of this process stand
cdef uint16_t row = 0
cdef uint16_t gauges = 0

check(ff_shared_open("ff-cells", &memory))
check(ff_cells_map(memory, &cells))


def fd():
    return memory


def inherit(int fd):
    global memory, cells
    cdef ff_cells *inherited = NULL
    check(ff_cells_map(fd, &inherited))
    ff_cells_free(cells)
    close(memory)
    cells, memory = inherited, fd


def sit(int lane):
    global row, gauges
    row = gauges = lane + 1
    ff_cells_sit(cells, row)


def take_template():
    global gauges
    check(ff_cells_detach(cells))
    gauges = FF_CELLS_TEMPLATE


def give_back(lane):
    ff_cells_give_back(cells, 0 if lane is None else <uint16_t>(lane + 1))


cdef int found(ff_cell_kind kind, str name) except -1:
    cdef bytes octets = name.encode()
    return check(ff_cells_find(cells, kind, octets, len(octets)))


cdef class Counter:
    cdef uint32_t cell

    def __init__(self, str name):
        self.cell = found(FF_CELL_COUNTER, name)

    def add(self, int64_t n=1):
        if n < 0:
            raise ValueError("a Counter only goes up; a Gauge goes both ways")
        ff_cells_add(cells, row, self.cell, n)

    @property
    def value(self):
        return ff_cells_value(cells, self.cell)


cdef class Gauge:
    cdef uint32_t cell

    def __init__(self, str name):
        self.cell = found(FF_CELL_GAUGE, name)

    def add(self, int64_t n=1):
        ff_cells_add(cells, gauges, self.cell, n)

    def set(self, int64_t n):
        ff_cells_set(cells, gauges, self.cell, n)

    @property
    def value(self):
        return ff_cells_value(cells, self.cell)


cdef class Limit:
    cdef uint32_t cell
    cdef int64_t every_ns, burst

    def __init__(self, str name, int64_t burst, int64_t every_ns):
        self.cell = found(FF_CELL_LIMIT, name)
        self.burst = burst
        self.every_ns = every_ns

    def take(self):
        return ff_cells_take(
            cells, self.cell, ff_clock_us() * 1000, self.every_ns, self.burst
        ) / 1e9

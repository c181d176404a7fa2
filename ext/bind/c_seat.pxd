"""Mirrors seat.h."""

from libc.stdint cimport uint16_t

from c_dispatcher cimport ff_page


cdef extern from "seat.h" nogil:
    struct ff_seat:
        ff_page *page
        char *blocks
        uint16_t lane
        int channel
        int bell

    ff_seat ff_seat_moved(ff_seat seat, uint16_t lane, int channel)

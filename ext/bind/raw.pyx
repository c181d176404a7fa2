"""Connections without HTTP, one after the other, for handlers that block; raw.pyi says what it does."""

from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EINTR, ESHUTDOWN

from c_lane cimport (
    FF_LANE_REQUEST, ff_conn, ff_conn_line, ff_duplex_close, ff_lane, ff_lane_next, ff_lane_wait,
    ff_tenure_line,
)
from check cimport check
from peer cimport address_of


def serve(lane, handle):
    cdef ff_lane *core = <ff_lane *>PyCapsule_GetPointer(lane._capsule, "fastfork.lane")
    cdef const ff_conn_line *line
    cdef ff_conn *conn = NULL
    cdef int r = 0
    while r != -ESHUTDOWN:
        while ff_lane_next(core, &conn) == FF_LANE_REQUEST:
            line = ff_tenure_line(core, conn)
            client = None if line.client.family == 0 else (address_of(&line.client), line.client.port)
            try:
                handle(conn.fd, client)
            finally:
                ff_duplex_close(core, conn)
        PyErr_CheckSignals()
        with nogil:
            r = ff_lane_wait(core)
        check(0 if r == -EINTR or r == -ESHUTDOWN else r)

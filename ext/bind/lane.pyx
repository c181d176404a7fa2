"""The worker's side of the core; lane.pyi says what each name does."""

import os

from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING
from libc.errno cimport errno

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New

from c_lane cimport (
    FF_WAIT_BODY,
    FF_WAIT_HEAD,
    FF_WAIT_PARK,
    FF_WAIT_WRITE,
    ff_lane,
    ff_lane_config,
    ff_lane_detach,
    ff_lane_free,
    ff_lane_leave,
    ff_lane_open,
)
from c_networks cimport ff_networks
from c_seat cimport ff_seat
from check cimport check


cdef extern from "<sys/prctl.h>" nogil:
    int PR_SET_NAME
    int PR_SET_PDEATHSIG
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)


def name_process(str name):
    cdef bytes octets = name.encode()
    prctl(PR_SET_NAME, <unsigned long><char *>octets, 0, 0, 0)


# By enum ff_replay.
REPLAYS = ("off", "safe", "idempotent")

# By enum ff_proxy_mode.
PROXIES = ("off", "v1", "v2", "auto")


cdef class Lane:
    cdef ff_lane *core
    cdef object seat, relays, trusted, spool_dir  # keep what the lane borrows

    def __init__(
        self,
        seat,
        *,
        double head_timeout,
        double body_timeout,
        double write_timeout,
        double linger,
        str replay="safe",
        str proxy="off",
        relays,
        trusted,
        size_t body_buffer,
        unsigned long long spool=0,
        str spool_dir="/tmp",
        unsigned long long max_body=0,
        unsigned int limit_overhead=16384,
        unsigned int limit_requests=0,
        unsigned int rate=0,
        bint refuse_underscores=False,
        unsigned int limit_head,
        unsigned int limit_line,
        unsigned int limit_field,
        unsigned int limit_fields,
        listeners=(),
        unsigned int at_once=0,
        bint is_raw=False,
    ):
        cdef ff_lane_config config
        cdef array.array fds = array.array("i", listeners)
        if self.core != NULL:
            raise RuntimeError("this Lane is open already")
        config.seat = (<ff_seat *>PyCapsule_GetPointer(seat._capsule, "fastfork.seat"))[0]
        config.wait_ms[FF_WAIT_HEAD] = <long long>(head_timeout * 1000)
        config.wait_ms[FF_WAIT_BODY] = <long long>(body_timeout * 1000)
        config.wait_ms[FF_WAIT_WRITE] = <long long>(write_timeout * 1000)
        config.wait_ms[FF_WAIT_PARK] = <long long>(linger * 1000)
        config.limits.body_buffer = body_buffer
        # On a loop nobody's place is taken by who reads a body as it comes.
        config.limits.chunked_buffer = 0 if at_once else body_buffer
        self.spool_dir = os.fsencode(spool_dir)
        config.limits.spool = 0 if at_once else spool
        config.limits.spool_dir = PyBytes_AS_STRING(self.spool_dir)
        config.limits.body.content = max_body
        config.limits.body.overhead = limit_overhead
        config.limits.requests = limit_requests
        config.limits.rate = rate
        config.limits.http.head = limit_head
        config.limits.http.line = limit_line
        config.limits.http.field = limit_field
        config.limits.http.fields = limit_fields
        config.limits.http.refuse_underscores = refuse_underscores
        config.at_once = at_once
        config.is_raw = is_raw
        config.replay = REPLAYS.index(replay)
        config.proxy = PROXIES.index(proxy)
        config.relays = (<ff_networks *>PyCapsule_GetPointer(relays._capsule, "fastfork.networks"))[0]
        config.trusted = (<ff_networks *>PyCapsule_GetPointer(trusted._capsule, "fastfork.networks"))[0]
        self.relays = relays
        self.trusted = trusted
        self.seat = seat
        config.listeners = fds.data.as_ints
        config.listener_count = len(fds)
        check(ff_lane_open(&config, &self.core))

    def __dealloc__(self):
        ff_lane_free(self.core)

    def drain(self):
        ff_lane_leave(self.core)

    def detach(self):
        ff_lane_detach(self.core)

    @property
    def wakeup_fd(self):
        return self.core.wake[1]

    def follow(self, int number):
        if prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) < 0:
            check(-errno)

    @property
    def requests(self):
        return self.core.line.requests

    @property
    def _capsule(self):
        return PyCapsule_New(self.core, "fastfork.lane", NULL)

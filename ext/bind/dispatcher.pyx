"""The master's side of the core; dispatcher.pyi says what each name does."""

from cpython.pycapsule cimport PyCapsule_New
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.string cimport memset
from posix.unistd cimport getpid, pid_t

from c_bus cimport ff_hub_dropped, ff_hub_has_mail, ff_hub_join, ff_hub_leave
from c_dispatcher cimport (
    FF_HISTOGRAM_RANGES,
    FF_LANES_MAX,
    FF_RESCUED_MAX,
    FF_LIST_FREE,
    FF_LIST_LINGER,
    FF_LIST_HALF,
    FF_LIST_PARKED,
    FF_LIST_SILENT,
    FF_LIST_SUSPECT,
    FF_LIST_WAITING,
    FF_POLLER_BATCH,
    ff_buffer,
    ff_buffer_close,
    ff_buffer_head,
    ff_buffer_len,
    ff_dispatcher,
    ff_dealer_credit,
    ff_dispatcher_close_channels,
    ff_dispatcher_free,
    ff_dispatcher_layout,
    ff_dispatcher_lease,
    ff_dispatcher_leave,
    ff_dispatcher_listen,
    ff_dispatcher_open,
    ff_dispatcher_read,
    ff_dispatcher_ready,
    ff_dispatcher_release,
    ff_dispatcher_rest,
    ff_dispatcher_stop_accepting,
    ff_dispatcher_survive,
    ff_dispatcher_unwatch,
    ff_dispatcher_wait,
    ff_dispatcher_watch,
    ff_dispatcher_write,
    ff_histogram,
    ff_histogram_end,
    ff_http_refusal_status,
    ff_recovery_run,
)
from c_lane cimport ff_clock_us
from c_seat cimport ff_seat, ff_seat_moved
from check cimport check


cdef extern from "<sys/prctl.h>" nogil:
    int PR_GET_CHILD_SUBREAPER
    int PR_SET_CHILD_SUBREAPER
    int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)


# By enum ff_policy.
POLICIES = ("round-robin", "least-loaded", "ip-hash", "shared")

# Stands for what was said to the master on the bus, in what `wait` returns.
MAIL = -1

cdef enum:
    LANES_MAX = 64  # of one worker


HISTOGRAM_ENDS = [ff_histogram_end(i) / 1e6 for i in range(FF_HISTOGRAM_RANGES - 1)] + [float("inf")]

# By enum ff_rescue.
RESCUES = ("parked", "replayed", "refused", "cut", "ended")


cdef class Seat:
    cdef ff_seat seat

    @property
    def lane(self):
        return self.seat.lane

    @property
    def fds(self):
        return self.seat.channel, self.seat.bell

    def moved(self, int lane, *, int channel):
        cdef Seat other = Seat.__new__(Seat)
        if not 0 <= lane < FF_LANES_MAX:
            raise ValueError(f"there is no lane {lane}")
        other.seat = ff_seat_moved(self.seat, lane, channel)
        return other

    @property
    def _capsule(self):
        # Lives as long as this Seat, which the Lane made from it keeps.
        return PyCapsule_New(&self.seat, "fastfork.seat", NULL)


def layout():
    return ff_dispatcher_layout()


def adopt_orphans(bint on):
    cdef int before = 0
    if prctl(PR_GET_CHILD_SUBREAPER, <unsigned long>&before, 0, 0, 0) < 0:
        check(-errno)
    if prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0) < 0:
        check(-errno)
    return before != 0


cdef void add(ff_histogram *to, const ff_histogram *more) noexcept:
    for i in range(FF_HISTOGRAM_RANGES):
        to.count[i] += more.count[i]
    to.sum_us += more.sum_us


cdef object told(const ff_histogram *times):
    return [times.count[i] for i in range(FF_HISTOGRAM_RANGES)], times.sum_us / 1e6


cdef class Dispatcher:
    cdef ff_dispatcher *core
    cdef pid_t pid  # of the process that may use it: a forked child must not touch master state

    def __init__(
        self,
        *,
        int max_connections,
        double keep_alive,
        double silence,
        double body_timeout=0,
        double timeout=0,
        str dispatch="round-robin",
        bint replay=True,
        bytes inherited=None,
    ):
        cdef long long keep_alive_ms = <long long>(keep_alive * 1000)
        cdef long long silence_ms = <long long>(silence * 1000)
        if self.core != NULL:
            raise RuntimeError("this Dispatcher is open already")
        self.pid = getpid()
        if inherited is None:
            check(ff_dispatcher_open(max_connections, keep_alive_ms, silence_ms, &self.core))
            self.core.policy = POLICIES.index(dispatch)
        else:
            check(
                ff_dispatcher_read(
                    <const char *>inherited, len(inherited), keep_alive_ms, silence_ms, &self.core
                )
            )
        self.core.half_ms = <long long>(body_timeout * 1000)
        self.core.timeout_us = <long long>(timeout * 1e6)
        self.core.may_replay = replay

    def __dealloc__(self):
        if self.core != NULL and self.pid == getpid():
            ff_dispatcher_free(self.core)

    def adapt(self, *, str dispatch, unsigned int at_once):
        self.open_core().policy = POLICIES.index(dispatch)
        self.core.at_once = at_once

    cdef ff_dispatcher *open_core(self) except NULL:
        if self.core == NULL:
            raise ValueError("this Dispatcher is closed")
        if self.pid != getpid():
            raise RuntimeError("this Dispatcher belongs to the process that made it")
        return self.core

    cdef int checked(self, int lane) except -1:
        cdef ff_dispatcher *core = self.open_core()
        if not 0 <= lane < <int>core.lanes or core.lane[lane].receive_end < 0:
            raise ValueError(f"lane {lane} is not leased")
        return lane

    def listen(self, int fd):
        return check(ff_dispatcher_listen(self.open_core(), fd))

    def stop_accepting(self, *, bint drain_backlog):
        ff_dispatcher_stop_accepting(self.open_core(), drain_backlog)

    def watch(self, int fd):
        check(ff_dispatcher_watch(self.open_core(), fd))

    def unwatch(self, int fd):
        check(ff_dispatcher_unwatch(self.open_core(), fd))

    def wait(self, timeout):
        cdef ff_dispatcher *core = self.open_core()
        cdef int ready[FF_POLLER_BATCH]
        cdef int timeout_ms = -1 if timeout is None else max(0, int(timeout * 1000 + 0.999))
        cdef int n
        with nogil:
            n = ff_dispatcher_wait(core, timeout_ms, ready)
        if n == -EINTR:
            return []
        check(n)
        cdef list found = [ready[i] for i in range(n)]
        if ff_hub_has_mail(core.hub):
            found.append(MAIL)
        return found

    def lease(self, *, int slot=0):
        return check(ff_dispatcher_lease(self.open_core(), slot))

    def seat(self, int lane):
        cdef Seat seat = Seat.__new__(Seat)
        self.checked(lane)
        seat.seat.page = self.core.page
        seat.seat.blocks = self.core.lane[lane].blocks
        seat.seat.lane = lane
        seat.seat.channel = self.core.lane[lane].receive_end
        seat.seat.bell = self.core.bell
        return seat

    def join(self, int lane, *, int slot):
        cdef int ends[4]
        self.checked(lane)
        check(ff_hub_join(self.core.hub, lane, slot, ends))
        return tuple([ends[i] for i in range(4)])

    @property
    def _hub(self):
        return PyCapsule_New(self.open_core().hub, "fastfork.hub", NULL)

    def ready(self, int lane):
        ff_dispatcher_ready(self.core, self.checked(lane))

    def rest(self, int lane):
        ff_dispatcher_rest(self.core, self.checked(lane))

    def leave(self, int lane):
        ff_dispatcher_leave(self.core, self.checked(lane))

    def timed_out(self):
        cdef ff_dispatcher *core = self.open_core()
        return [i for i in range(<int>core.lanes) if core.lane[i].is_timed_out]

    def recover(self, lanes, *, by_itself):
        cdef uint16_t numbers[LANES_MAX]
        cdef size_t n = len(lanes)
        if n > LANES_MAX:
            raise ValueError(f"a worker has at most {LANES_MAX} lanes")
        for i, lane in enumerate(lanes):
            numbers[i] = self.checked(lane)
        ff_hub_leave(self.core.hub, numbers[0])
        return ff_recovery_run(self.core, numbers, n, by_itself)

    def rescued(self):
        cdef ff_dispatcher *core = self.open_core()
        return [
            (
                RESCUES[core.rescued[i].rescue],
                (<bytes>core.rescued[i].line).decode("latin-1"),
                core.rescued[i].is_timed_out,
            )
            for i in range(min(<int>core.rescues, FF_RESCUED_MAX))
        ]

    def shortage(self):
        cdef ff_dispatcher *core = self.open_core()
        if not core.is_short:
            return None
        core.is_short = False
        return core.shortage, core.stats.evicted

    def release(self, int lane):
        ff_dispatcher_release(self.core, self.checked(lane))

    def close_lane_channels(self):
        ff_dispatcher_close_channels(self.open_core())

    def stats(self):
        cdef ff_dispatcher *core = self.open_core()
        return {
            "accepted": core.stats.accepted,
            "dealt": core.stats.dealt,
            "redealt": core.stats.redealt,
            "taken": core.stats.taken,
            "replayed": core.stats.replayed,
            "refused": core.stats.refused,
            "closed": core.stats.closed,
            "lost": core.stats.lost,
            "accept_errors": core.stats.accept_errors,
            "evicted": core.stats.evicted,
            "bus_messages": core.hub.passed,
            "bus_dropped": ff_hub_dropped(core.hub),
            "connections": core.escrow.touched - core.escrow.list[FF_LIST_FREE].count,
            "parked": (
                core.escrow.list[FF_LIST_PARKED].count
                + core.escrow.list[FF_LIST_SILENT].count
                + core.escrow.list[FF_LIST_HALF].count
            ),
            "lingering": core.escrow.list[FF_LIST_LINGER].count,
            "waiting": (
                core.escrow.list[FF_LIST_WAITING].count + core.escrow.list[FF_LIST_SUSPECT].count
            ),
            "listening": int(core.is_listening),
            "full": int(core.is_full),
        }

    def lane_stats(self, int lane):
        self.checked(lane)
        return {
            "dealt": self.core.lane[lane].dealt_in_all,
            "claimed": self.core.page.lane[lane].claimed,
            "requests": self.core.page.lane[lane].requests,
            "connections": self.core.page.lane[lane].connections,
            "running": self.core.page.lane[lane].running,
            "credits": ff_dealer_credit(self.core, lane),
            "busy_us": self.busy_us(lane),
            "is_stuck": self.core.lane[lane].is_stuck,
        }

    cdef int64_t busy_us(self, int lane):
        cdef int64_t since_us = self.core.page.lane[lane].busy_since_us
        return max(0, ff_clock_us() - since_us) if since_us else 0

    def times(self, lanes=None):
        cdef ff_dispatcher *core = self.open_core()
        cdef ff_histogram took, waited
        memset(&took, 0, sizeof(took))
        memset(&waited, 0, sizeof(waited))
        for i in range(<int>core.lanes) if lanes is None else lanes:
            if not 0 <= i < <int>core.lanes:
                raise ValueError(f"lane {i} was never leased")
            add(&took, &core.page.lane[<int>i].took)
            add(&waited, &core.page.lane[<int>i].waited)
        return [told(&took), told(&waited)]

    def refusals(self):
        cdef ff_dispatcher *core = self.open_core()
        cdef size_t kind = 0
        found = {}
        while ff_http_refusal_status(kind) != 0:
            count = 0
            for i in range(<int>core.lanes):
                count += core.page.lane[i].refusals[kind]
            found[ff_http_refusal_status(kind)] = count
            kind += 1
        return found

    def lines_lost(self):
        cdef ff_dispatcher *core = self.open_core()
        cdef uint64_t lost = 0
        for i in range(<int>core.lanes):
            lost += core.page.lane[i].lines_lost
        return lost

    def hand_over(self):
        cdef ff_buffer octets
        check(ff_dispatcher_write(self.open_core(), &octets))
        try:
            return (<char *>ff_buffer_head(&octets))[: ff_buffer_len(&octets)]
        finally:
            ff_buffer_close(&octets)

    def survive(self, bint on):
        ff_dispatcher_survive(self.open_core(), on)

    def close(self):
        if self.core != NULL and self.pid == getpid():
            ff_dispatcher_free(self.core)
            self.core = NULL

"""ASGI 3.0 on a lane; asgi.pyi says what the public names do.

The lane's poller stands in the event loop. When it is readable `drain` runs what can run, each request in
a task of its own; most often that has ended before it returns.
"""

cimport cython
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EINTR, ESHUTDOWN
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t

from c_lane cimport (
    FF_LANE_NOTHING, FF_LANE_REQUEST, FF_LANE_SERVING, ff_clock_us, ff_conn,
    ff_lane, ff_lane_beat, ff_lane_due_ms, ff_lane_found, ff_lane_next, ff_lane_poll,
)
from check cimport check
from environ cimport constants_of

import asyncio
import sys


cdef class Gateway  # known to an exchange

include "awaitables.pxi"
include "asgi_exchange.pxi"
include "environs.pxi"
include "scopes.pxi"


cdef bint IS_EAGER = sys.version_info >= (3, 12)

cdef enum:
    SWEEP_US = 1000000  # between two looks at what takes long


NO_WEBSOCKETS = (
    "asks for a WebSocket, and is run as an ordinary request; to have them: pip install 'fastfork[standard]'"
)
EXTENSIONS = {"http.response.trailers": {}, "http.response.early_hint": {}}


@cython.final
cdef class Gateway:
    cdef object __weakref__
    cdef ff_lane *lane
    cdef object owner, app, upgrade, new_task, log_access, flush_log
    cdef readonly object loop, on_error
    cdef readonly object leaving, stopped
    cdef Scopes scopes
    cdef Environs environs  # for the access log; None: there is none
    cdef set running, holders  # exchanges whose application has not returned; tunnels
    cdef object timer, sweeper
    cdef int64_t timer_us, timeout_us
    cdef bint has_told, is_draining, is_due, is_closed, is_leaving, is_unflushed

    def __init__(
        self, lane, app, *, loop, servers, on_error, access_log=None, str root_path="", state=None,
        double timeout=0, upgrade=None,
    ):
        self.owner = lane
        self.lane = <ff_lane *>PyCapsule_GetPointer(lane._capsule, "fastfork.lane")
        self.app = app
        self.loop = loop
        self.on_error = on_error
        self.upgrade = upgrade
        self.new_task = asyncio.Task
        self.leaving = loop.create_future()
        self.stopped = loop.create_future()
        self.scopes = Scopes(servers, root_path, state, EXTENSIONS)
        if access_log is not None:
            constants = constants_of(root_path, None, None, None, None, False, True)
            self.environs = Environs(servers, constants)
            self.log_access = access_log.write
            self.flush_log = access_log.flush
        self.running = set()
        self.holders = set()
        self.timeout_us = <int64_t>(timeout * 1e6)

    def start(self):
        self.loop.add_reader(self.lane.poller, self.drain)
        self.drain()

    def close(self):
        if self.is_closed:
            return
        self.is_closed = True
        if self.lane.poller >= 0:  # else this is a forked child's
            self.loop.remove_reader(self.lane.poller)
        for timer in (self.timer, self.sweeper):
            if timer is not None:
                timer.cancel()
        wake(self.leaving, None)
        wake(self.stopped, None)

    # --- what the lane has

    def drain(self):
        cdef ff_conn *conn = NULL
        cdef ff_lane_found found
        cdef int r
        self.is_due = False
        if self.is_closed:
            return
        r = ff_lane_poll(self.lane)
        if r == -ESHUTDOWN:
            self.close()
            return
        check(0 if r == -EINTR else r)
        self.is_draining = True
        try:
            while True:
                found = ff_lane_next(self.lane, &conn)
                if found == FF_LANE_NOTHING:
                    break
                if found == FF_LANE_REQUEST and self.lane.config.is_raw:
                    self.give(conn)
                elif found == FF_LANE_REQUEST:
                    self.run(conn)
                else:
                    self.pass_on(conn)
        finally:
            self.is_draining = False
        self.look_ahead()

    cdef int pass_on(self, ff_conn *conn) except -1:
        cdef uint8_t news = conn.work.news
        cdef Holder holder
        conn.work.news = 0
        if conn.work.holder != NULL:
            holder = <Holder>conn.work.holder  # ours, too: it may end, and be freed, while it hears
            holder.hear(news)
        return 0

    cdef int look_ahead(self) except -1:
        """See to it that we are called when something is due."""
        cdef int64_t due_ms, due_us
        if self.is_unflushed:
            self.flush()
        if self.lane.mode != FF_LANE_SERVING:
            self.leave()
        due_ms = ff_lane_due_ms(self.lane)
        if due_ms == INT64_MAX:
            return 0
        due_us = ff_clock_us() + due_ms * 1000
        if self.timer is not None:
            if self.timer_us <= due_us:
                return 0
            self.timer.cancel()
        self.timer_us = due_us
        self.timer = self.loop.call_later(due_ms / 1000, self.ring)
        return 0

    def ring(self):
        self.timer = None
        self.drain()

    cdef int drain_soon(self) except -1:
        if not self.is_due:
            self.is_due = True
            self.loop.call_soon(self.drain)
        return 0

    cdef int leave(self) except -1:
        """The lane gives its connections up: so must who has made something else of them."""
        if not self.is_leaving:
            self.is_leaving = True
            wake(self.leaving, None)
            for tunnel in list(self.holders):
                (<Tunnel>tunnel).holder.leave()
        if self.lane.busy == 0 or self.lane.again != NULL:
            self.drain_soon()
        return 0

    # --- requests

    cdef int run(self, ff_conn *conn) except -1:
        cdef Exchange exchange = Exchange.__new__(Exchange)
        cdef dict scope
        exchange.lane = self.lane
        exchange.gateway = self
        exchange.began_us = exchange.progress_us = conn.work.began_us
        exchange.waited_us = conn.work.waited_us
        exchange.take(conn)
        scope = exchange.scope = self.scopes.make(self.lane, conn)
        if self.environs is not None:
            exchange.environ = self.environs.make(self.lane, conn)
        try:
            if self.scopes.is_upgrade and self.upgrade is not None:
                coroutine = self.upgrade(websocket_of(scope), exchange)
            else:
                if self.scopes.is_upgrade and not self.has_told:
                    self.has_told = True
                    self.on_error(f"{exchange.line()}: {NO_WEBSOCKETS}", None)
                coroutine = self.app(scope, exchange.receive, exchange.send)
            if IS_EAGER:
                task = self.new_task(coroutine, loop=self.loop, eager_start=True)
            else:
                task = self.new_task(coroutine, loop=self.loop)
        except Exception as error:
            self.conclude(exchange, error)
            return 0
        if task.done():
            self.settle(exchange, task)
            return 0
        exchange.task = task
        task.add_done_callback(exchange.settled)
        self.running.add(exchange)
        if self.sweeper is None and self.timeout_us > 0:
            self.sweep_later()
        return 0

    cdef int give(self, ff_conn *conn) except -1:
        """Give a connection that is no HTTP to the application, which returns its holder."""
        cdef Tunnel tunnel = Tunnel.__new__(Tunnel)
        cdef const ff_conn_line *line = ff_tenure_line(self.lane, conn)
        tunnel.lane = self.lane
        tunnel.gateway = self
        tunnel.take(conn)
        self.holders.add(tunnel)
        try:
            tunnel.holder = self.app(tunnel, self.scopes.client_at(&line.client), line.listener)
        except Exception as error:
            self.on_error("a connection's handler failed", error)
            tunnel.end()
        if self.sweeper is None and self.timeout_us > 0:
            self.sweep_later()
        return 0

    cdef int settle(self, Exchange exchange, task) except -1:
        exchange.task = None
        self.running.discard(exchange)
        if task.cancelled():
            self.conclude(exchange, asyncio.CancelledError())
        else:
            self.conclude(exchange, task.exception())
        return 0

    cdef int conclude(self, Exchange exchange, error) except -1:
        """The application is done with *exchange*; *error* is what it raised."""
        if error is not None and not is_excused(error, exchange.trouble):
            what = "'s task was cancelled" if isinstance(error, asyncio.CancelledError) else " failed"
            if exchange.is_answered:
                what += " after its response"
            self.on_error(f"{exchange.line()}: the application{what}", error)
        elif error is None and exchange.conn != NULL:
            what = "ended before its response was complete" if exchange.is_started else (
                "ended without a response"
            )
            self.on_error(f"{exchange.line()}: the application {what}", None)
        exchange.abort(503 if self.is_leaving else 500)
        exchange.scope = None
        return 0

    cdef int ended(self, Exchange exchange, uint64_t octets) except -1:
        """The connection of *exchange* goes on without it."""
        self.record(exchange, octets)
        return self.came_back()

    cdef int came_back(self) except -1:
        if self.is_draining or self.is_closed:
            return 0
        if self.lane.again != NULL:
            self.drain_soon()
        return self.look_ahead()

    # --- the access log

    cdef int record(self, Exchange exchange, uint64_t octets) except -1:
        if self.environs is None:
            return 0
        try:
            self.log_access(
                exchange.environ, exchange.status, exchange.headers, octets,
                ff_clock_us() - exchange.began_us, exchange.waited_us,
            )
        except Exception as error:
            self.on_error(f"{exchange.line()}: the access log failed", error)
        self.is_unflushed = True
        return 0

    cdef int flush(self) except -1:
        self.is_unflushed = False
        self.flush_log()
        return 0

    # --- what takes long

    cdef int sweep_later(self) except -1:
        cdef double period = min(SWEEP_US, self.timeout_us // 4) / 1e6
        self.sweeper = self.loop.call_later(period, self.sweep)
        return 0

    def sweep(self):
        cdef int64_t now_us = ff_clock_us()
        self.sweeper = None
        if self.is_closed or not (self.running or self.holders):
            return
        ff_lane_beat(self.lane)
        for exchange in list(self.running):
            self.look_at(exchange, now_us)
        self.sweep_later()

    cdef int look_at(self, Exchange exchange, int64_t now_us) except -1:
        cdef int64_t took_us = now_us - exchange.progress_us
        if exchange.conn == NULL or exchange.is_started or exchange.progress_us == 0:
            return 0
        if took_us < self.timeout_us:
            return 0
        told = f"timed out in {exchange.line()} after {took_us / 1e6:.1f} s"
        self.on_error(f"{told}: answered 504, its task is cancelled", None)
        exchange.trouble = TimeoutError(told)
        exchange.abort(504)
        exchange.task.cancel()
        return 0

    @property
    def tasks(self):
        return [(<Exchange>exchange).task for exchange in self.running]


cdef bint is_excused(error, trouble) except -1:
    """Tell whether *error* only says that the client, or the time, has gone."""
    if trouble is None:
        return False
    causes = (error, error.__cause__, error.__context__)
    return isinstance(error, asyncio.CancelledError) or trouble in causes


cdef dict websocket_of(dict scope):
    """Turn the scope of a request that asks for a WebSocket (RFC 6455 4.1) into one of that."""
    cdef list offered = []
    for name, value in scope["headers"]:
        if name == b"sec-websocket-protocol":
            offered += [part.strip().decode("latin-1") for part in value.split(b",")]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = offered
    scope["extensions"] = {"websocket.http.response": {}}
    del scope["method"]
    return scope

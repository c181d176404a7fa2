"""What the server and its workers are and do now: the one place that looks, for every way to show it."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from fastfork._native.dispatcher import HISTOGRAM_ENDS
from fastfork._version import __version__
from fastfork.metrics.snapshot import SlotView, Snapshot, TemplateView, Times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.metrics.snapshot import BrokerView
    from fastfork.settings import Settings
    from fastfork.supervisor.listeners import Listener
    from fastfork.supervisor.slots import Slot
    from fastfork.supervisor.spawn import Worker
    from fastfork.supervisor.template import Template
    from fastfork.worker.logs import Logs

_BUSY_US = 2000
_WINDOW = 10.0
"""Seconds that rates and percentiles look back at most."""
_STEP = 1.0
"""Looks that follow each other faster have a window in common."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNACKED = 24
"""Where the length of a listener's queue stands in TCP_INFO."""


class _Mark(msgspec.Struct):
    """What was counted at an earlier look."""

    at: float
    requests: int = 0
    cpu: float = 0.0
    took: Times = Times([0] * len(HISTOGRAM_ENDS))
    waited: Times = Times([0] * len(HISTOGRAM_ENDS))

    def until(self, now: _Mark) -> _Mark:
        """Return the difference; *at* is the time between."""
        return _Mark(
            at=max(now.at - self.at, 1e-3),
            requests=max(0, now.requests - self.requests),
            cpu=max(0.0, now.cpu - self.cpu),
            took=now.took.since(self.took),
            waited=now.waited.since(self.waited),
        )


class Census:
    """Looks at a server."""

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        dispatcher: Dispatcher,
        slots: Sequence[Slot],
        listeners: Sequence[Listener],
        logs: Logs,
        state: Callable[[], str],
        broker: Callable[[], BrokerView | None],
        template: Callable[[], Template | None],
        began: float,
    ) -> None:
        """*began* is when the server was started, on the clock of `time.monotonic`."""
        self._settings = settings
        self._name = name
        self._dispatcher = dispatcher
        self._slots = slots
        self._listeners = listeners
        self._logs = logs
        self._state = state
        self._broker = broker
        self._template = template
        self._began = began
        self._marks: dict[int, _Mark] = {}
        """By pid; 0 is the server as a whole."""

    def look(self) -> Snapshot:
        """Return what there is now."""
        now = time.monotonic()
        slots = [self._look_at(slot, now) for slot in self._slots]
        pids = {view.pid for view in slots} | {0}
        self._marks = {pid: mark for pid, mark in self._marks.items() if pid in pids}
        took, waited = self.times()
        window = self._window(0, _Mark(now, took.count, 0.0, took, waited), began=self._began)
        stats = self._dispatcher.stats()
        cpu, rss = _usage(os.getpid())
        return Snapshot(
            name=self._name,
            version=__version__,
            pid=os.getpid(),
            app=self._settings.app,
            state=self._state(),
            generation=max((view.generation for view in slots), default=1),
            age=now - self._began,
            listeners=[listener.url for listener in self._listeners],
            dispatch=self._settings.dispatch,
            threads=self._settings.threads,
            requests=took.count,
            rate=window.requests / window.at,
            p50=window.took.percentile(0.5, HISTOGRAM_ENDS),
            p99=window.took.percentile(0.99, HISTOGRAM_ENDS),
            waited_p99=window.waited.percentile(0.99, HISTOGRAM_ENDS),
            connections=_connections(stats, slots),
            template=_look_at_template(self._template()),
            counters={name: stats[name] for name in _COUNTERS},
            is_full=bool(stats["full"]),
            refusals={k: n for k, n in self._dispatcher.refusals().items() if n},
            ends=dict(sum((slot.ends for slot in self._slots), Counter())),
            lines_lost=self._dispatcher.lines_lost() + self._logs.error.file.lost,
            backlog={
                listener.url: _backlog(listener.fd)
                for listener in self._listeners
                if listener.fd >= 0
            },
            rss=rss,
            cpu_seconds=cpu,
            error_log=self._logs.error.file.path,
            access_log=self._logs.access_path,
            broker=self._broker(),
            slots=slots,
        )

    def times(self) -> tuple[Times, Times]:
        """Return how long all requests took, and how long they had waited before."""
        took, waited = self._dispatcher.times()
        return Times(*took), Times(*waited)

    def _look_at(self, slot: Slot, now: float) -> SlotView:
        worker = slot.worker
        lanes = [self._dispatcher.lane_stats(lane) for lane in slot.lanes]
        requests = sum(lane["requests"] for lane in lanes)
        took, waited = self._dispatcher.times(slot.lanes)
        cpu, rss = _usage(worker.pid) if worker else (0.0, 0)
        ready_at = worker.ready_at if worker and worker.ready_at is not None else now
        mark = _Mark(now, requests, cpu, Times(*took), Times(*waited))
        window = self._window(worker.pid if worker else -1, mark, began=ready_at)
        return SlotView(
            slot=slot.number,
            state=_state_of(worker, lanes),
            pid=worker.pid if worker else None,
            generation=worker.generation if worker else 1,
            age=now - ready_at,
            restarts=max(0, slot.starts - 1),
            last_end=slot.last_end,
            connections=sum(lane["connections"] for lane in lanes),
            running=sum(lane["running"] for lane in lanes),
            credits=sum(lane["credits"] for lane in lanes),
            requests=requests,
            rate=window.requests / window.at,
            p50=window.took.percentile(0.5, HISTOGRAM_ENDS),
            p99=window.took.percentile(0.99, HISTOGRAM_ENDS),
            rss=rss,
            cpu=window.cpu / window.at,
            cpu_seconds=cpu,
        )

    def _window(self, key: int, now: _Mark, *, began: float) -> _Mark:
        before = self._marks.get(key)
        if before is None or now.at - before.at > _WINDOW:
            before = None
        if before is None or now.at - before.at >= _STEP:
            self._marks[key] = now
        window = (before or _Mark(began)).until(now)
        if window.took.count == 0:  # an old percentile says more than none
            window.took, window.waited = now.took, now.waited
        return window


_COUNTERS = (
    "accepted",
    "dealt",
    "redealt",
    "taken",
    "replayed",
    "refused",
    "closed",
    "lost",
    "accept_errors",
    "evicted",
    "bus_messages",
    "bus_dropped",
)


def _state_of(worker: Worker | None, lanes: Sequence[dict[str, int]]) -> str:
    if worker is None:
        return "down"
    if not worker.is_ready:
        return "starting"
    if worker.is_timed_out or any(lane["is_stuck"] for lane in lanes):
        return "stuck"
    if any(lane["busy_us"] >= _BUSY_US for lane in lanes):
        return "busy"
    return "ready"


def _look_at_template(template: Template | None) -> TemplateView | None:
    if template is None:
        return None
    rss = _usage(template.pid)[1] if template.pid is not None else 0
    return TemplateView(pid=template.pid, why=template.why, rss=rss)


def _connections(stats: dict[str, int], slots: Sequence[SlotView]) -> dict[str, int]:
    running = sum(view.running for view in slots)
    at_workers = max(0, sum(view.connections for view in slots) - running)
    return {
        "running": running,
        "at_workers": at_workers,
        **{name: stats[name] for name in ("parked", "waiting", "lingering")},
    }


def _usage(pid: int) -> tuple[float, int]:
    """Return the seconds of CPU and the resident octets of a process; zeros when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE


def _backlog(fd: int) -> int:
    with socket.socket(fileno=os.dup(fd)) as listener:
        if listener.family == socket.AF_UNIX:
            return 0
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED + 4)
    return int.from_bytes(info[_UNACKED:], sys.byteorder)

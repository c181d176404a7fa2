"""One moment of a server, as values. Pure: the master fills them in (supervisor.census)."""

from __future__ import annotations

from itertools import accumulate

import msgspec


class Times(msgspec.Struct, frozen=True):
    """How long things took: a count for each range of the core's histogram (`ext/core/histogram.h`)."""

    counts: list[int]
    total: float = 0.0
    """Seconds, all together."""

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def since(self, before: Times) -> Times:
        """Return what came after *before*."""
        counts = [now - then for now, then in zip(self.counts, before.counts, strict=True)]
        return Times(counts, self.total - before.total)

    def percentile(self, share: float, ends: list[float]) -> float | None:
        """Return the end of the range below which *share* of them lie, in seconds; None if there are none."""
        wanted = share * self.count
        for end, below in zip(ends, accumulate(self.counts), strict=True):
            if below >= wanted and below > 0:
                return end
        return None


class SlotView(msgspec.Struct, kw_only=True):
    """One slot and the worker in it."""

    slot: int
    state: str
    """starting, ready, busy (2 ms and longer in one request), stuck, retiring, or down."""
    pid: int | None
    generation: int
    age: float
    """Seconds since it was ready; 0 if it is not."""
    restarts: int
    last_end: str
    """What the log said of the end of the worker before; "" for the first one."""
    connections: int
    running: int
    credits: int
    """Connections that it may get now."""
    requests: int
    """By this worker."""
    rate: float
    """Requests a second: since the last look if that was within ten seconds, else since it was ready."""
    p50: float | None
    p99: float | None
    """Seconds in which 50 % and 99 % of the requests were answered: over the same time, or since its lanes
    were first used if there was none in it."""
    rss: int
    """Resident octets."""
    cpu: float
    """Cores in use, over the same time."""
    cpu_seconds: float


class BrokerView(msgspec.Struct, kw_only=True):
    """The broker that connects this server with others."""

    url: str = ""
    """Without its password."""
    is_up: bool = False
    why: str = ""
    """Why it is away, if it is."""
    servers: int = 0
    """Others that can be reached."""
    carried: int = 0
    """Publications of this server that went across."""
    lost: int = 0
    """Messages that did not."""


class TemplateView(msgspec.Struct, kw_only=True):
    """The process that workers are forked from."""

    pid: int | None
    """None: there is none now, or never; workers load the application for themselves."""
    why: str
    """Why there is none, or none that is ready; "" if it is."""
    rss: int
    """Resident octets; most of them are the workers' too."""


class Snapshot(msgspec.Struct, kw_only=True):
    """A server."""

    name: str
    version: str
    pid: int
    app: str
    state: str
    """starting, serving or draining."""
    generation: int
    age: float
    """Seconds since its start."""
    listeners: list[str]
    dispatch: str
    threads: int
    requests: int
    rate: float
    p50: float | None
    p99: float | None
    waited_p99: float | None
    """Seconds that 99 % of the requests had waited for a worker at most."""
    connections: dict[str, int]
    """By where they are: running, idle, parked, waiting, lingering."""
    template: TemplateView | None
    """None with --no-preload."""
    counters: dict[str, int]
    """Of the dispatcher, since the start."""
    is_full: bool
    """Whether no worker has room: what comes waits in the kernel's queue."""
    refusals: dict[int, int]
    """Answers in the application's place, by status, since the start."""
    ends: dict[str, int]
    """Ends of workers since the start, by reason."""
    lines_lost: int
    """Of logs, that could not be written."""
    backlog: dict[str, int]
    """Connections in the kernel's queue, by listener."""
    rss: int
    """Resident octets of the master."""
    cpu_seconds: float
    """Of the master."""
    error_log: str | None
    access_log: str | None
    broker: BrokerView | None
    """None: the bus ends with this server."""
    slots: list[SlotView]

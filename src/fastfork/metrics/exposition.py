"""A server as Prometheus sees it. Pure; the text is prometheus-client's."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from fastfork.metrics.snapshot import BrokerView, SlotView, Snapshot, Times

CONTENT_TYPE = CONTENT_TYPE_LATEST

_STATES = ("starting", "ready", "busy", "stuck", "down")

_COUNTERS = {
    "accepted": "connections_accepted: Connections accepted",
    "closed": "connections_closed: Connections closed",
    "accept_errors": "accept_errors: Times that accepting had to pause",
    "evicted": "evicted: Idle connections closed because descriptors were short",
    "dealt": "deals: Connections dealt to workers, again and again",
    "redealt": "redeals: Connections dealt again",
    "taken": "taken_back: Connections taken back from busy or stuck workers",
    "replayed": "replays: Requests of dead workers that others ran again",
    "refused": "requests_given_up: Requests of dead workers that were answered 502 or 504",
    "bus_messages": "bus_messages: Messages that the bus passed on",
    "bus_dropped": "bus_dropped: Messages of the bus that reached nobody, or not all",
    "lost": "requests_lost: Requests of dead workers that were refused or cut",
}

_OF_SLOTS = {
    "connections": "Connections at the worker",
    "running": "Requests inside the application",
    "credits": "Connections that the worker may get now",
    "restarts": "Times that the slot got another worker",
    "rss_bytes": "Resident memory",
    "cpu_seconds": "CPU time of the worker",
    "age_seconds": "How long the worker has served",
}


def exposition(snapshot: Snapshot, *, took: Times, waited: Times, ends: Sequence[float]) -> bytes:
    """Return the text; *took* and *waited* are all requests, in ranges that end at *ends*."""
    return generate_latest(_Server(snapshot, took=took, waited=waited, ends=ends))


class _Server:
    """What prometheus-client collects: it asks for nothing more than this method."""

    def __init__(
        self, snapshot: Snapshot, *, took: Times, waited: Times, ends: Sequence[float]
    ) -> None:
        self._snapshot = snapshot
        self._times = {
            "request_seconds: Seconds that requests took": took,
            "request_wait_seconds: Seconds that requests waited for a worker": waited,
        }
        self._ends = ends

    def collect(self) -> Iterator[Metric]:
        found = self._snapshot
        yield InfoMetricFamily(
            "fastfork",
            "This server",
            {"version": found.version, "app": found.app, "name": found.name},
        )
        yield _gauge("up_seconds", "How long the server runs", found.age)
        yield _gauge("generation", "Times that the application was loaded", found.generation)
        yield CounterMetricFamily("fastfork_requests", "Requests answered", value=found.requests)
        for told, times in self._times.items():
            yield self._histogram(told, times)
        yield _by("connections", "Connections now", "state", found.connections)
        for name, told in _COUNTERS.items():
            metric, _, text = told.partition(": ")
            yield CounterMetricFamily(f"fastfork_{metric}", text, value=found.counters[name])
        refusals = CounterMetricFamily(
            "fastfork_refusals", "Answers in the application's place", labels=["status"]
        )
        for status, count in found.refusals.items():
            refusals.add_metric([str(status)], count)
        yield refusals
        yield _gauge("full", "Whether no worker has room", float(found.is_full))
        worker_ends = CounterMetricFamily(
            "fastfork_worker_ends", "Ends of workers", labels=["reason"]
        )
        for reason, count in found.ends.items():
            worker_ends.add_metric([reason], count)
        yield worker_ends
        yield from _broker(found.broker)
        states = Counter(view.state for view in found.slots)
        yield _by("workers", "Workers now", "state", {state: states[state] for state in _STATES})
        yield _by("backlog", "Connections in the kernel's queue", "listener", found.backlog)
        yield CounterMetricFamily(
            "fastfork_log_lines_lost", "Log lines that could not be written", value=found.lines_lost
        )
        yield _gauge("master_rss_bytes", "Resident memory of the master", found.rss)
        yield CounterMetricFamily(
            "fastfork_master_cpu_seconds", "CPU time of the master", value=found.cpu_seconds
        )
        yield from _slots(found.slots)

    def _histogram(self, told: str, times: Times) -> Metric:
        name, _, text = told.partition(": ")
        below = list(accumulate(times.counts))
        # Every second doubling of the core's ranges, exactly: from 0.13 ms to about a minute.
        shown = [i for i, end in enumerate(self._ends) if _is_shown(end)]
        buckets = [(f"{self._ends[i]:g}", float(below[i])) for i in shown]
        buckets.append(("+Inf", float(below[-1])))
        return HistogramMetricFamily(
            f"fastfork_{name}", text, buckets=buckets, sum_value=times.total
        )


def _is_shown(end: float) -> bool:
    us = round(end * 1e6) if end != float("inf") else 0
    return 128 <= us <= 1 << 26 and us & (us - 1) == 0


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"fastfork_{name}", text, value=value)


def _by(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"fastfork_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _broker(view: BrokerView | None) -> Iterator[Metric]:
    if view is None:
        return
    yield _gauge("bus_broker_up", "Whether the broker is there", float(view.is_up))
    yield _gauge("bus_servers", "Other servers behind it", view.servers)
    yield CounterMetricFamily(
        "fastfork_bus_carried", "Publications sent across", value=view.carried
    )
    yield CounterMetricFamily(
        "fastfork_bus_lost", "Messages that did not get across", value=view.lost
    )


def _slots(views: Iterable[SlotView]) -> Iterator[Metric]:
    families = {
        name: GaugeMetricFamily(f"fastfork_worker_{name}", text, labels=["slot"])
        for name, text in _OF_SLOTS.items()
    }
    for view in views:
        values = {
            "connections": view.connections,
            "running": view.running,
            "credits": view.credits,
            "restarts": view.restarts,
            "rss_bytes": view.rss,
            "cpu_seconds": view.cpu_seconds,
            "age_seconds": view.age,
        }
        for name, family in families.items():
            family.add_metric([str(view.slot)], values[name])
    yield from families.values()

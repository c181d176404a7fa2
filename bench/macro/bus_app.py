"""The application that bus.py measures: python bus_app.py PORT WORKERS"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import fastfork
from fastfork import bus

MESSAGE = {"id": 12345678, "kind": "invalidate", "key": "user:4711", "by": 3, "x": 1.5}
"""64 octets as JSON, about."""

done = fastfork.Counter("receivers that have all")
_seen = 0


def count(topic: str, message: Any, sender: int | str) -> None:
    """Count until the last one."""
    global _seen
    _seen += 1
    if message == 0 or message == b"0":
        done.add()


for where in (False, True):
    bus.subscribe("one-way", master=where)(count)
bus.subscribe("broadcast")(count)
bus.responder("echo-worker")(lambda message: message)
bus.responder("echo-master", master=True)(lambda message: message)


def _timed(send: Callable[[Any], None], n: int, receivers: int, message: Any) -> float:
    """Send *n* and the last one; return the seconds until all receivers have it."""
    before = done.value + receivers
    for _ in range(n // 4):  # warm
        send(message)
    send(0)
    while done.value < before:
        time.sleep(0.001)
    begun = time.perf_counter()
    for _ in range(n):
        send(message)
    send(0)
    while done.value < before + receivers:
        time.sleep(0.0002)
    return time.perf_counter() - begun


def one_way(n: int, to: int | str) -> float:
    """Messages a second to the master, or to another worker."""
    return n / _timed(lambda m: bus.send(to, m, topic="one-way"), n, 1, MESSAGE)


def big(n: int, to: int | str) -> float:
    """Octets a second, in messages of 1 MB."""
    return n * 1e6 / _timed(lambda m: bus.send(to, m, topic="one-way"), n, 1, bytes(1_000_000))


def broadcast(n: int, workers: int) -> float:
    """Deliveries a second to all workers."""
    return n * workers / _timed(lambda m: bus.publish("broadcast", m), n, workers, MESSAGE)


def round_trip(n: int, name: str) -> float:
    """Microseconds from a request to its answer; the best of five."""
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(n):
            bus.request(name, MESSAGE, timeout=10)
        found.append((time.perf_counter() - begun) / n * 1e6)
    return min(found)


def paced_round_trip(n: int, name: str) -> float:
    """The median of microseconds from a request to its answer, at 500 a second."""
    found = []
    for _ in range(n):
        time.sleep(0.002)
        begun = time.perf_counter()
        bus.request(name, MESSAGE, timeout=10)
        found.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(found)


def increments(n: int) -> float:
    """Increments a second of a counter, from a loop."""
    add = done.add
    begun = time.perf_counter()
    for _ in range(n):
        add(0)
    return n / (time.perf_counter() - begun)


def chat(rate: int, seconds: float) -> float:
    """Publish *rate* messages a second from now on, for so long."""

    def run() -> None:
        begun, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - begun) < seconds:
            for _ in range(int(now * rate) - sent):
                bus.publish("one-way", MESSAGE)
                sent += 1
            time.sleep(0.005)

    threading.Thread(target=run, daemon=True).start()
    return 0.0


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Measure what the path says, or be idle."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    n, here = int(query.get("n", 0)), fastfork.worker_slot() or 0
    other = (here + 1) % int(query.get("workers", 1))
    runs: dict[str, Callable[[], float]] = {
        "/one-way-master": lambda: one_way(n, "master"),
        "/one-way-worker": lambda: one_way(n, other),
        "/big-master": lambda: big(n, "master"),
        "/big-worker": lambda: big(n, other),
        "/broadcast": lambda: broadcast(n, int(query["workers"])),
        "/round-trip-master": lambda: round_trip(n, "echo-master"),
        "/round-trip-worker": lambda: round_trip(n, "echo-worker"),
    }
    runs["/paced-master"] = lambda: paced_round_trip(n, "echo-master")
    runs["/paced-worker"] = lambda: paced_round_trip(n, "echo-worker")
    runs["/counters"] = lambda: increments(n)
    runs["/chat"] = lambda: chat(n, float(query["seconds"]))
    run = runs.get(environ["PATH_INFO"], lambda: 0.0)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(run()).encode()]


if __name__ == "__main__":
    fastfork.run(
        app,
        bind=f"127.0.0.1:{sys.argv[1]}",
        workers=int(sys.argv[2]),
        bus_overflow="block",
        timeout=0,
        log_level="warning",
        chdir=str(Path(__file__).parent),
    )

"""How long does a request wait that could have been served? Beside the ideal: one queue, all workers.

Open loop, Poisson arrivals, the same arrivals and service times for every server. The application sleeps
for the service time that a request carries; waiting time is the rest of the response time, counted from
the scheduled arrival. Connections: `new` (one per request), `pool` (kept, as many as needed, last used
first), `fixed` (the same 8, last used first). A server that closes kept connections gets new ones.

`stopped`: one worker is stopped for a second; the request that it was running is left out.
`saturation`: 32 kept connections ask without pause; what do newcomers wait, against those?

--out docs/waiting.json is what `make docs` makes the tables and plots of the documentation from.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any

import servers
from client import LAST_REQUEST, Connection, allow_open_files
from drivers import QUEUE
from openloop import Answer, Player, Request

POINTS = (0.5, 0.9, 0.99, 0.999)
FIXED = 8
KEPT = 32
LATE = 0.001
"""A client that sends later than this (p99) has measured itself."""

Mix = Callable[[random.Random], float]


def two_kinds(chance: random.Random) -> float:
    """90 % take 5 ms, 10 % take 50 ms."""
    return 0.05 if chance.random() < 0.1 else 0.005


def two_slow_kinds(chance: random.Random) -> float:
    """90 % take 15 ms, 10 % take 150 ms: load for many workers at a rate that a client can send."""
    return 3 * two_kinds(chance)


def log_normal(chance: random.Random) -> float:
    """Return a service time of 9.5 ms in the mean and 5.8 ms in the middle, at most 0.2 s."""
    return min(0.2, chance.lognormvariate(-5.156, 1.0))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Capacity and load."""

    workers: int = 8
    threads: int = 1
    rate: float = 500.0
    mix: Mix = two_kinds
    modes: tuple[str, ...] = ("new", "pool")
    stops: bool = False

    @property
    def lanes(self) -> int:
        """How many requests run at once."""
        return self.workers * self.threads


CASES = {
    "8x1": Case(modes=("new", "pool", "fixed")),
    "2x4": Case(workers=2, threads=4, modes=("new", "pool", "fixed")),
    "stopped": Case(stops=True),
    "log-normal": Case(mix=log_normal),
    "80%": Case(rate=674.0),
    "16x1": Case(workers=16, rate=450.0, mix=two_slow_kinds),
    "saturation": Case(modes=("newcomers",)),
}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When a worker is stopped, and until when."""

    at: float
    until: float


def _fastfork(port: int, case: Case) -> list[str]:
    command = servers.fastfork(port, case.workers, app="apps:work")
    return command if case.threads == 1 else [*command, "--threads", str(case.threads)]


def _gunicorn(port: int, workers: int, *options: str) -> list[str]:
    where = ["-b", f"127.0.0.1:{port}", "-w", str(workers)]
    return [f"{servers.PEERS}/gunicorn", *options, *where, "apps:work"]


def _granian(port: int, case: Case) -> list[str]:
    lean = ["--interface", "wsgi", "--http", "1", "--no-ws"]
    size = ["--workers", str(case.workers), "--blocking-threads", str(case.threads)]
    return [f"{servers.PEERS}/granian", *lean, "--port", str(port), *size, "apps:work"]


def _uwsgi(port: int, case: Case, *, way: str) -> list[str]:
    size = ["--master", "--processes", str(case.workers), "--threads", str(case.threads)]
    lean = ["--disable-logging", "--die-on-term", "--module", "apps:work"]
    return [f"{servers.PEERS}/uwsgi", way, f"127.0.0.1:{port}", *size, *lean]


# The first is in C, one queue and threads: what the machine and the client allow (queue.c).
# As many lanes as the case has; sync has no threads, and gthread is shown in both shapes. uwsgi's
# own workers keep connections, or a process of its own in front of them does.
COMMANDS: dict[str, Callable[[int, Case], list[str]]] = {
    "queue": lambda port, case: [str(QUEUE), str(port), str(case.lanes)],
    "fastfork": _fastfork,
    "gunicorn-sync": lambda port, case: _gunicorn(port, case.lanes, "-k", "sync"),
    "gthread-x1": lambda port, case: _gunicorn(port, case.lanes, "-k", "gthread", "--threads=1"),
    "gthread-x4": lambda port, case: _gunicorn(
        port, case.lanes // 4, "-k", "gthread", "--threads=4"
    ),
    "granian": _granian,
    "uwsgi": lambda port, case: _uwsgi(port, case, way="--http11-socket"),
    "uwsgi-router": lambda port, case: [*_uwsgi(port, case, way="--http"), "--http-keepalive"],
}


def arrivals(case: Case, *, mode: str, seconds: float, seed: int) -> list[Request]:
    """Return the requests of a case: the same for the same seed."""
    chance = random.Random(seed)
    requests = []
    now = 0.1
    while (now := now + chance.expovariate(case.rate)) < seconds:
        requests.append(Request(at=now, service=case.mix(chance), fresh=mode == "new"))
    return requests


def ideal(requests: list[Request], *, case: Case, stop: Stop | None) -> list[float]:
    """Return the waiting times in one queue; at *stop* the first worker's lanes pause."""
    free = [(0.0, lane) for lane in range(case.lanes)]
    waits = []
    for request in requests:
        while True:
            free_at, lane = free[0]
            start = max(request.at, free_at)
            stopped = stop if lane < case.threads else None
            if not stopped or not stopped.at <= start < stopped.until:
                break
            heapq.heapreplace(free, (stopped.until, lane))
        end = start + request.service
        if stopped and start < stopped.at < end:
            end += stopped.until - stopped.at
        else:
            waits.append(start - request.at)
        heapq.heapreplace(free, (end, lane))
    return waits


def pids_of(port: int, *, count: int) -> list[int]:
    """Return the pids of the workers that answer, *count* at most; the server is warm then."""
    seen: set[int] = set()
    for _ in range(200):
        connection = Connection(port)
        seen.add(int(connection.ask(LAST_REQUEST)))
        connection.close()
        if len(seen) >= count:
            break
    return sorted(seen)


@contextmanager
def stopping(pid: int, stop: Stop) -> Iterator[None]:
    """Stop process *pid* as told, from now on."""
    timers = [
        threading.Timer(stop.at, os.kill, (pid, signal.SIGSTOP)),
        threading.Timer(stop.until, os.kill, (pid, signal.SIGCONT)),
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.join()


def own_requests(answers: list[Answer], *, pid: int, case: Case, stop: Stop) -> set[int]:
    """Return the indexes of what the stopped worker was running, one for each of its lanes at most."""
    inside = [
        index
        for index, answer in enumerate(answers)
        if answer.body == str(pid).encode() and answer.sent < stop.at and answer.done > stop.until
    ]
    return {*inside[: case.threads]}


def at(points: list[float], part: float) -> float:
    """Return the percentile of sorted *points*."""
    return points[min(len(points) - 1, int(part * len(points)))]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a server did with one case; times in seconds, inf for what was never answered."""

    server: str
    waits: dict[str, float]
    """Percentile -> waiting time."""
    ratio: float
    """p99 by the ideal's; of newcomers, by what the kept connections wait."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many failed, were connections, were asked again; the ideal has none."""
    late: float | None = None
    """How late the client sent, p99."""

    def __str__(self) -> str:
        """Return the line of the table, in milliseconds."""
        cells = "".join(f"{wait * 1000:9.1f}" for wait in self.waits.values())
        line = f"{self.server:15}{cells}{self.ratio:9.2f}"
        if self.late is None:
            return line
        flag = "  LATE CLIENT" if self.late > LATE else ""
        counts = "".join(f"{count:8d}" for count in self.counts.values())
        return f"{line}{counts}{self.late * 1000:9.2f}{flag}"

    def plain(self) -> dict[str, Any]:
        """Return it for JSON: milliseconds as the table has them, null for never."""
        waits = {
            name: None if wait == inf else round(wait * 1000, 1)
            for name, wait in self.waits.items()
        }
        return {"server": self.server, **waits, **self.counts}


def row(name: str, waits: list[float], *, best: float, player: Player | None = None) -> Row:
    """Return the row of *name*, whose p99 should be *best*; with what went wrong at *player*."""
    waits = sorted(waits)
    found = {f"p{part * 100:g}": at(waits, part) for part in POINTS}
    if player is None:
        return Row(server=name, waits=found, ratio=found["p99"] / best)
    failed = sum(answer.done == inf for answer in player.answers)
    return Row(
        server=name,
        waits=found,
        ratio=found["p99"] / best,
        counts={"failed": failed, "conns": player.opened, "again": player.retried},
        late=at(sorted(answer.late for answer in player.answers if answer.late), 0.99),
    )


def measure(name: str, case: Case, *, mode: str, requests: list[Request], best: float) -> Row:
    """Play *requests* against the server *name*; return its row."""
    port = servers.free_port()
    with servers.running(COMMANDS[name](port, case), port, body=None):
        pids = pids_of(port, count=case.workers)
        player = Player(port, requests, limit=FIXED if mode == "fixed" else None)
        apart: set[int] = set()
        if case.stops and (stop := stop_of(requests)):
            with stopping(pids[0], stop):
                player.play()
            apart = own_requests(player.answers, pid=pids[0], case=case, stop=stop)
        else:
            player.play()
    waits = [
        answer.done - request.at - request.service
        for index, (answer, request) in enumerate(zip(player.answers, requests, strict=True))
        if index not in apart
    ]
    return row(name, waits, best=best, player=player)


def stop_of(requests: list[Request]) -> Stop:
    """Return the second in the middle."""
    middle = requests[-1].at / 2
    return Stop(at=middle - 0.5, until=middle + 0.5)


def saturate(name: str, case: Case, *, seconds: float) -> Row:
    """Let kept connections ask without pause and newcomers once; return the row."""
    service = 0.02
    count = int(seconds * case.lanes / service)
    requests = [Request(at=0.0, service=service) for _ in range(count)]
    requests += [
        Request(at=0.5 + turn * 0.05, service=service, fresh=True)
        for turn in range(int((seconds - 1) / 0.05))
    ]
    port = servers.free_port()
    with servers.running(COMMANDS[name](port, case), port, body=None):
        pids_of(port, count=case.workers)
        player = Player(port, requests, limit=KEPT)
        player.play()
    span = [a.done - a.sent for a in player.answers[:count] if a.done < inf]
    fair = fmean(span) - service
    newcomers = [a.done - r.at - service for a, r in zip(player.answers, requests, strict=True)]
    return row(name, newcomers[count:], best=fair, player=player)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--servers", nargs="+", choices=COMMANDS, default=[*COMMANDS])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a file for the figures, as JSON")
    return parser.parse_args()


def compare(label: str, case: Case, *, mode: str, chosen: argparse.Namespace) -> list[Row]:
    """Print the table of one case and mode, and return it."""
    head = "".join(f"{f'p{part * 100:g}':>9}" for part in POINTS)
    print(f"\n{label} {mode}: {case.workers} workers x {case.threads}, waiting in milliseconds")
    against = "x fair" if mode == "newcomers" else "x ideal"
    print(f"{'':15}{head}{against:>9}{'failed':>8}{'conns':>8}{'again':>8}{'late p99':>9}")
    rows: list[Row] = []
    if mode != "newcomers":
        requests = arrivals(case, mode=mode, seconds=chosen.seconds, seed=chosen.seed)
        waits = sorted(ideal(requests, case=case, stop=stop_of(requests) if case.stops else None))
        best = at(waits, 0.99)
        rows.append(row("ideal", waits, best=best))
        print(rows[0], flush=True)
    for name in chosen.servers:
        if name == "queue" and case.stops:
            continue  # one process: all of it would stop
        try:
            if mode == "newcomers":
                found = saturate(name, case, seconds=chosen.seconds)
            else:
                found = measure(name, case, mode=mode, requests=requests, best=best)
        except RuntimeError as problem:
            print(f"{name}: {problem}", flush=True)
            continue
        rows.append(found)
        print(found, flush=True)
    return rows


def main() -> None:
    """Compare the servers in each case."""
    chosen = options()
    if chosen.seconds < 3:
        sys.exit("less than 3 seconds show no p99")
    allow_open_files(8192)
    servers.prepare()
    tables = []
    for label in chosen.cases:
        for mode in CASES[label].modes:
            rows = compare(label, CASES[label], mode=mode, chosen=chosen)
            tables.append({"case": label, "mode": mode, "rows": [one.plain() for one in rows]})
    if chosen.out:
        chosen.out.write_text(figures(chosen.seconds, tables))


def figures(seconds: float, tables: list[dict[str, Any]]) -> str:
    """Return the figures as JSON, a line for each server."""
    lines = []
    for table in tables:
        rows = ",\n  ".join(json.dumps(one) for one in table["rows"])
        head = f'{{"case": "{table["case"]}", "mode": "{table["mode"]}", "rows": [\n  '
        lines.append(f"{head}{rows}]}}")
    joined = ",\n ".join(lines)
    return f'{{"seconds": {seconds:g}, "tables": [\n {joined}]}}\n'


if __name__ == "__main__":
    main()

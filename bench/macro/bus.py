"""What does a message cost? The bus beside Node's channel, multiprocessing.Queue and Pipe, in one run.

python bench/macro/bus.py [--rounds 3] [--scale 1]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import tree
from bus_app import MESSAGE

HERE = Path(__file__).parent


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Ask:
    """Asks the server at a port for one figure."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def __call__(self, path: str) -> float:
        """Return what it says."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=120) as answer:
            figure: float = json.load(answer)
            return figure


@contextmanager
def server(workers: int, *, pinned: bool = False) -> Iterator[Ask]:
    """Give a fresh server."""
    port = free_port()
    command = [sys.executable, str(HERE / "bus_app.py"), str(port), str(workers)]
    if pinned:
        command = ["taskset", "-c", "0", *command]
    process = subprocess.Popen(command)
    ask = Ask(port, process.pid)
    try:
        for _ in range(200):
            try:
                ask("/")
                break
            except OSError:
                time.sleep(0.05)
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def node(n: int) -> float:
    """Messages a second through Node's channel."""
    command = ["node", str(HERE / "bus_node.js"), str(n), json.dumps(MESSAGE)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def _fill_queue(queue: Any, n: int) -> None:
    for _ in range(n):
        queue.put(MESSAGE)


def _fill_pipe(end: Connection, n: int) -> None:
    for _ in range(n):
        end.send(MESSAGE)


def _echo(end: Connection, n: int) -> None:
    for _ in range(n):
        end.send(end.recv())


def mp_queue(n: int) -> float:
    """Messages a second through a multiprocessing.Queue."""
    queue: Any = mp.Queue()
    return _received(mp.Process(target=_fill_queue, args=(queue, n)), queue.get, n)


def mp_pipe(n: int) -> float:
    """Messages a second through a multiprocessing.Pipe."""
    ours, theirs = mp.Pipe()
    return _received(mp.Process(target=_fill_pipe, args=(theirs, n)), ours.recv, n)


def _received(sender: mp.Process, receive: Callable[[], Any], n: int) -> float:
    sender.start()
    receive()
    begun = time.perf_counter()
    for _ in range(n - 1):
        receive()
    seconds = time.perf_counter() - begun
    sender.join()
    return n / seconds


def mp_round_trip(n: int, *, pinned: bool) -> float:
    """Microseconds there and back through a multiprocessing.Pipe; the best of five."""
    before = os.sched_getaffinity(0)
    if pinned:
        os.sched_setaffinity(0, {0})
    ours, theirs = mp.Pipe()
    other = mp.Process(target=_echo, args=(theirs, 5 * n))
    other.start()
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(n):
            ours.send(MESSAGE)
            ours.recv()
        found.append((time.perf_counter() - begun) / n * 1e6)
    other.join()
    os.sched_setaffinity(0, before)
    return min(found)


def cpu_of(work: Callable[[], float], root: int | None = None) -> tuple[float, float]:
    """Return what *work* does, and the seconds of CPU that it took: here and in children, or in a tree."""

    def now() -> float:
        if root is not None:
            return tree.cpu_seconds(root)
        used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in used)

    before = now()
    figure = work()
    return figure, now() - before


def measure(scale: float) -> dict[str, float]:
    """Return one figure for each line of the table."""
    many, few = int(200_000 * scale), int(4_000 * scale)
    found = {}
    if shutil.which("node"):
        start = cpu_of(lambda: node(1))[1]
        found["one way, Node"], cpu = cpu_of(lambda: node(many))
        found["CPU of a message, Node"] = (cpu - start) / many * 1e6
    for name, run in (("mp.Queue", mp_queue), ("mp.Pipe", mp_pipe)):
        found[f"one way, {name}"], cpu = cpu_of(partial(run, many))
        found[f"CPU of a message, {name}"] = cpu / many * 1e6
    found["round trip, mp.Pipe"] = mp_round_trip(few, pinned=False)
    found["round trip pinned, mp.Pipe"] = mp_round_trip(few, pinned=True)
    with server(2) as ask:
        for name in ("master", "worker"):
            ways = partial(ask, f"/one-way-{name}?workers=2&n={4 * many}")
            found[f"one way, to {name}"], cpu = cpu_of(ways, ask.pid)
            found[f"CPU of a message, to {name}"] = cpu / (5 * many) * 1e6  # a fifth warms
            found[f"1 MB, to {name}"] = ask(f"/big-{name}?workers=2&n={int(500 * scale)}")
            found[f"round trip, to {name}"] = ask(f"/round-trip-{name}?n={few}")
    with server(2, pinned=True) as ask:
        for name in ("master", "worker"):
            found[f"round trip pinned, to {name}"] = ask(f"/round-trip-{name}?n={few}")
    with server(8) as ask:
        found["broadcast to 8"] = ask(f"/broadcast?workers=8&n={many // 4}")
    return found


def bars(one: dict[str, float]) -> list[tuple[str, float, str, float]]:
    """Return what is asked of the bus: name, figure, how it compares, and with what."""
    found = [
        ("1 MB, to master", one["1 MB, to master"] / 1e9, ">=", 1.0),
        ("1 MB, to worker", one["1 MB, to worker"] / 1e9, ">=", 1.0),
        ("broadcast to 8", one["broadcast to 8"], ">=", 500_000),
    ]
    for name, most in (("master", 1.0), ("worker", 2.0)):
        ratio = one[f"round trip pinned, to {name}"] / one["round trip pinned, mp.Pipe"]
        found.append((f"round trip pinned, to {name} / mp.Pipe", ratio, "<=", most))
        if "one way, Node" in one:
            ratio = one[f"one way, to {name}"] / one["one way, Node"]
            found.append((f"one way, to {name} / Node", ratio, ">=", 5.0))
            ratio = one["CPU of a message, Node"] / one[f"CPU of a message, to {name}"]
            found.append((f"CPU of a message, Node / to {name}", ratio, ">=", 5.0))
    return found


def main() -> None:
    """Print the table and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    rounds = [measure(options.scale) for _ in range(options.rounds)]
    for name in sorted(rounds[0]):
        unit = "us" if "trip" in name or "CPU" in name else "octets/s" if "MB" in name else "/s"
        found = [one[name] for one in rounds]
        spread = f"({min(found):,.0f} to {max(found):,.0f})"
        print(f"{name:34}{statistics.median(found):16,.1f} {unit:9} {spread}")
    print()
    for of_round in zip(*map(bars, rounds), strict=True):  # what shares a round shared the machine
        what, _, sign, bar = of_round[0]
        found = [figure for _, figure, _, _ in of_round]
        figure = statistics.median(found)
        is_met = figure >= bar if sign == ">=" else figure <= bar
        spread = f"({min(found):,.2f} to {max(found):,.2f})"
        print(f"{what:42}{figure:14,.2f} {sign} {bar:<10,.1f}{'' if is_met else 'MISSED '}{spread}")


if __name__ == "__main__":
    main()

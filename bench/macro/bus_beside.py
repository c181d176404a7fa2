"""What do messages and connections cost each other? And how fast do counters count?

python bench/macro/bus_beside.py [--rounds 5]

Load costs whatever shares the machine with it. So each figure is taken twice, with the same load beside it:
once on the server that is measured, once on another one.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bus import Ask, server

import fastfork

CONNECTIONS = 5_000
MESSAGES = 50_000


def connect_for_ever(port: int) -> None:
    """Make 5,000 connections a second, with a request each."""
    request = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
    begun, made = time.perf_counter(), 0
    while True:
        now = time.perf_counter() - begun
        due = min(int(now * CONNECTIONS) - made, 100)  # what can't be made is not made up for
        made = int(now * CONNECTIONS)
        conns = [socket.create_connection(("127.0.0.1", port)) for _ in range(due)]
        for conn in conns:
            conn.sendall(request)
        for conn in conns:
            while conn.recv(4096):
                pass
            conn.close()
        time.sleep(0.001)  # a burst is not what is asked


@contextmanager
def connections(port: int) -> Iterator[None]:
    """Load the server at *port* meanwhile."""
    load = mp.Process(target=connect_for_ever, args=(port,), daemon=True)
    load.start()
    try:
        yield
    finally:
        load.kill()
        load.join()


def hello(port: int, seconds: int = 3) -> float:
    """Requests a second on kept connections."""
    command = ["wrk", "-t1", "-c8", f"-d{seconds}", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def latency(ours: Ask, other: Ask, found: dict[str, list[float]]) -> None:
    """Round trips while connections are handed off, here and elsewhere."""
    for name in ("master", "worker"):
        ask = f"/paced-{name}?n=1000"
        found.setdefault(f"round trip to {name}, quiet", []).append(ours(ask))
        with connections(ours.port):
            found.setdefault(f"round trip to {name}, hand-offs here", []).append(ours(ask))
        with connections(other.port):
            found.setdefault(f"round trip to {name}, hand-offs elsewhere", []).append(ours(ask))


def throughput(ours: Ask, other: Ask, found: dict[str, list[float]]) -> None:
    """Hello while messages are published, here and elsewhere."""
    found.setdefault("hello, quiet", []).append(hello(ours.port))
    for where, one in (("here", ours), ("elsewhere", other)):
        one(f"/chat?n={MESSAGES}&seconds=4")
        found.setdefault(f"hello, messages {where}", []).append(hello(ours.port))
        time.sleep(1.5)


def is_exact(n: int = 1_000_000) -> bool:
    """Whether eight processes lose no increment."""
    counter = fastfork.Counter("increments of eight")
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            for _ in range(n):
                counter.add()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return counter.value == 8 * n


def main() -> None:
    """Print each figure, and how those compare that should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    with server(2) as ours, server(2) as other:
        for _ in range(options.rounds):
            latency(ours, other, found)
            if shutil.which("wrk"):
                throughput(ours, other, found)
            found.setdefault("increments", []).append(ours("/counters?n=2000000"))
    for name, figures in found.items():
        unit = "us" if "trip" in name else "/s"
        spread = f"{min(figures):,.1f} to {max(figures):,.1f}"
        print(f"{name:42}{statistics.median(figures):16,.1f} {unit:3} ({spread})")
    print()
    for name in (
        "round trip to master, hand-offs",
        "round trip to worker, hand-offs",
        "hello, messages",
    ):
        pairs = zip(found.get(f"{name} here", []), found.get(f"{name} elsewhere", []), strict=True)
        ratios = [here / elsewhere for here, elsewhere in pairs]
        if ratios:
            print(f"{name} here / elsewhere: {statistics.median(ratios):.2f}")
    print(f"increments of a worker: {max(found['increments']) / 1e6:.1f} M/s (asked: 8)")
    print(f"8 x 1,000,000 increments: {'exact' if is_exact() else 'WRONG'}")


if __name__ == "__main__":
    main()

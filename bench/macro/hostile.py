"""What does a normal client notice of 3,000 hostile ones, and when are those gone?

A thousand each send a head octet by octet, a body octet by octet, and read nothing of large answers; each
time-out is 40 s. A normal client asks at fixed times, by turns on a kept and on a new connection:
alone, while they come, and beside them. Latency counts from the scheduled moment.
"""

from __future__ import annotations

import argparse
import multiprocessing
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event

from client import LAST_REQUEST, Connection, allow_open_files
from servers import free_port, running
from tree import cpu_seconds, memory_bytes

RATE = 100  # requests a second, of the normal client
KINDS = {
    "slow heads": (b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", b"x"),
    "slow bodies": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "slow readers": (b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * 4, b""),
}
TURNS = 50  # in a second: clients that know nothing of each other do not all speak at once
PATIENCE = 90.0
SETTLE = (
    10.0  # seconds in which what they asked for is made and buffered: that is load, not slowness
)


def connect(port: int, begin: bytes) -> socket.socket:
    """Return a connection that has said *begin* and can hold little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    sock.sendall(begin)
    return sock


def is_ended(sock: socket.socket, drip: bytes) -> bool:
    """Let a client go on; return whether the server has had enough of it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN if drip else 0)
    if poll.poll(0):
        return True
    try:
        sock.send(drip)
    except OSError:
        return True
    return False


def be_hostile(port: int, count: int, tell: Pipe, stop: Event) -> None:
    """Be *count* clients of each kind, an octet a second each; tell when the last of a kind was gone."""
    allow_open_files(4 * count + 100)
    began = time.monotonic()
    herds = {  # by the turn that each client has
        kind: [[connect(port, begin) for _ in range(at, count, TURNS)] for at in range(TURNS)]
        for kind, (begin, _) in KINDS.items()
    }
    there = time.monotonic()
    tell.send(("there", there - began))
    turn = 0
    while herds and not stop.is_set():
        for kind, herd in list(herds.items()):
            here = herd[turn % TURNS]
            for sock in [sock for sock in here if is_ended(sock, KINDS[kind][1])]:
                sock.close()
                here.remove(sock)
            if not any(herd):
                del herds[kind]
                tell.send((kind, time.monotonic() - began))
        turn += 1
        time.sleep(max(0.0, there + turn / TURNS - time.monotonic()))
    tell.send(("gone", time.monotonic() - began))


def ask_for(port: int, is_over: Callable[[float], bool]) -> list[float]:
    """Ask at fixed times until *is_over*; return the latencies."""
    kept = Connection(port, timeout=20)
    began = time.monotonic()
    latencies: list[float] = []
    while not is_over(time.monotonic() - began):
        due = began + len(latencies) / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        if len(latencies) % 2:
            fresh = Connection(port, timeout=20)
            fresh.ask(LAST_REQUEST)
            fresh.close()
        else:
            kept.ask()
        latencies.append(time.monotonic() - due)
    kept.close()
    return latencies


def show(label: str, latencies: list[float]) -> float:
    """Print a row; return the 99th percentile."""
    cuts = statistics.quantiles(latencies, n=1000)
    row = [statistics.median(latencies), cuts[989], cuts[998], max(latencies)]
    print(
        f"{label:18}{len(latencies):8}" + "".join(f"{each * 1e3:9.2f}" for each in row), flush=True
    )
    return cuts[989]


def main() -> None:
    """Print latencies, the server's memory, and when each kind was gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="hostile clients of each kind")
    parser.add_argument("--quiet", type=float, default=15.0, help="seconds without them")
    chosen = parser.parse_args()
    port = free_port()
    where = ["-b", f"127.0.0.1:{port}", "-w", "2"]
    # so that all of them are there at once for a while, on a slow machine, too
    times = ["--head-timeout", "40", "--body-timeout", "40", "--write-timeout", "40"]
    command = [sys.executable, "-m", "fastfork", "serve", *where, *times, "bulk_apps:mixed"]
    with running(command, port) as server:
        print(f"{'milliseconds':18}{'':8}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>9}")
        quiet = show("alone", ask_for(port, lambda elapsed: elapsed > chosen.quiet))
        before = memory_bytes(server.pid, "Pss")
        ours, theirs = multiprocessing.Pipe()
        stop = multiprocessing.Event()
        hostile = multiprocessing.Process(
            target=be_hostile, args=(port, chosen.count, theirs, stop)
        )
        hostile.start()
        peak, spent = before, cpu_seconds(server.pid)
        ends: dict[str, float] = {}

        def is_over(elapsed: float) -> bool:
            nonlocal peak
            if ours.poll():
                name, when = ours.recv()
                ends[name] = when
                peak = max(peak, memory_bytes(server.pid, "Pss"))
            return "gone" in ends or elapsed > PATIENCE

        def has_settled(elapsed: float) -> bool:
            return elapsed > ends.get("there", elapsed) + SETTLE

        show(
            "while they come",
            ask_for(port, lambda elapsed: is_over(elapsed) or has_settled(elapsed)),
        )
        beside = show("beside them", ask_for(port, is_over))
        stop.set()
        hostile.join()
        print(f"p99 beside them / alone: {beside / quiet:.2f}")
        print(f"memory (PSS): {before >> 20} MiB, at most {peak >> 20} MiB beside them")
        print(f"CPU: {cpu_seconds(server.pid) - spent:.1f} s")
        for kind in KINDS:
            print(f"{kind} gone after {ends.get(kind, float('nan')):.1f} s")


if __name__ == "__main__":
    main()

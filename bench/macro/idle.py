"""What do idle keep-alive connections cost: in latency for others, in workers, in the master?

One worker each. Connections are opened and answered once, then rest; meanwhile fresh ones ask. Memory is
PSS, so of user space only: the kernel's share of a connection is the same for every server.
"""

from __future__ import annotations

import argparse
import random
import resource
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

import servers
import tree
from client import LAST_REQUEST, REQUEST, Connection, allow_open_files
from kills import survivors
from openloop import Player, Request

SIZES = (0, 100, 1000, 5000, 10_000)
BATCHES = 5
BATCH = 200
RATE = 400.0
BAR = 512
"""Bytes that a character of a bar stands for."""

COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "fastfork": lambda port: [*servers.fastfork(port, 1), "--keep-alive", "3600"],
    "uvicorn": lambda port: [*servers.COMMANDS["uvicorn"](port, 1), "--timeout-keep-alive=3600"],
    "granian": lambda port: [*servers.COMMANDS["granian"](port, 1), "--backpressure=65536"],
    "node-cluster": lambda port: servers.COMMANDS["node-cluster"](port, 1),
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A server with *size* idle connections."""

    size: int
    p50: float
    p99: float
    workers: int
    """Bytes of all processes but the master; of the only one if there is no other."""
    fds: int
    master: int
    """0 if it is the only process."""
    total: int


HELLOS = [Request(at=turn / RATE, service=0.0, fresh=True) for turn in range(BATCHES * BATCH)]


def typical(latencies: list[float], *, part: float) -> float:
    """Return the percentile of the median batch: a hiccup of the machine spoils only its own."""
    batches = (sorted(latencies[turn * BATCH : (turn + 1) * BATCH]) for turn in range(BATCHES))
    return median(batch[int(part * BATCH)] for batch in batches)


def sample(player: Player, *, master: int, size: int) -> Sample:
    """Return what the server is like now, and how fast it says hello on new connections."""
    latencies = [a.done - r.at for a, r in zip(player.play(), HELLOS, strict=True)]
    workers = tree.tree(master)[1:] or [master]
    return Sample(
        size=size,
        p50=typical(latencies, part=0.5),
        p99=typical(latencies, part=0.99),
        workers=sum(tree.own_memory_bytes(pid, "Pss") for pid in workers),
        fds=sum(map(tree.open_fds, workers)),
        master=0 if workers == [master] else tree.own_memory_bytes(master, "Pss"),
        total=tree.memory_bytes(master, "Pss"),
    )


def measure(name: str, *, sizes: list[int]) -> list[Sample]:
    """Open more and more connections to the server *name*; return what it is like at each size."""
    port = servers.free_port()
    with servers.running(COMMANDS[name](port), port) as server:
        for _ in range(200):  # warm, or the first size pays for what is paid once
            connection = Connection(port)
            connection.ask(LAST_REQUEST)
            connection.close()
        opened: list[Connection] = []
        samples = []
        players = [Player(port, HELLOS) for _ in sizes]  # now: they need low descriptors
        for size, player in zip(sizes, players, strict=True):
            try:
                while len(opened) < size:
                    opened.append(Connection(port))
                    opened[-1].ask(REQUEST)
            except OSError as problem:
                print(f"{name}: connection {len(opened)} gets no answer: {problem}")
                break
            samples.append(sample(player, master=server.pid, size=size))
        asked = random.sample(opened, min(200, len(opened)))
        if (alive := survivors(asked)) < len(asked):
            print(f"{name}: only {alive} of {len(asked)} idle connections are alive")
        for connection in opened:
            connection.close()
    return samples


def each(samples: list[Sample], *, of: Callable[[Sample], int]) -> float:
    """Return the growth for each connection, beyond the first ones that fill what is allocated."""
    first, last = samples[min(1, len(samples) - 2)], samples[-1]
    return (of(last) - of(first)) / (last.size - first.size)


def table(name: str, samples: list[Sample]) -> str:
    """Render one server."""
    lines = [
        f"\n{name}",
        f"{'idle':>8}{'p50 ms':>9}{'p99 ms':>9}{'workers KiB':>13}{'their fds':>11}{'master KiB':>12}",
    ]
    lines += [
        f"{s.size:8d}{s.p50 * 1000:9.2f}{s.p99 * 1000:9.2f}{s.workers >> 10:13d}{s.fds:11d}"
        f"{s.master >> 10:12d}"
        for s in samples
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure each server, then draw them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", nargs="+", choices=COMMANDS, default=[*COMMANDS])
    parser.add_argument("--csv", type=Path, help="write the points there, for a plot")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = max(chosen.sizes) if hard == resource.RLIM_INFINITY else hard - 1000
    sizes = sorted({min(size, room) for size in chosen.sizes})
    if len(sizes) < 2:
        parser.error("growth needs two sizes")
    if max(sizes) < max(chosen.sizes):
        print(f"at most {room} connections: {hard} files may be open (ulimit -Hn)")
    allow_open_files(max(sizes) + 500)
    servers.prepare()
    bars = []
    points = [f"server,{','.join(Sample.__dataclass_fields__)}"]
    for name in chosen.servers:
        try:
            samples = measure(name, sizes=sizes)
        except RuntimeError as problem:
            print(f"\n{name}: {problem}")
            continue
        print(table(name, samples), flush=True)
        points += [",".join(map(str, (name, *astuple(sample)))) for sample in samples]
        total = each(samples, of=lambda s: s.total)
        master = each(samples, of=lambda s: s.master)
        bars.append(f"{name:14}{master:9.0f}{total:9.0f}  {'#' * round(total / BAR)}")
    print(f"\nbytes for each idle connection\n{'':14}{'master':>9}{'all':>9}")
    print("\n".join(bars))
    if chosen.csv:
        chosen.csv.write_text("\n".join(points) + "\n")


if __name__ == "__main__":
    main()

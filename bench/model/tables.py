"""What the model says: who to give a connection to, and where one master is full.

python bench/model/tables.py [--handoff MICROSECONDS] [--load 0.6]
"""

from __future__ import annotations

import argparse

from dispatch import HANDOFF, Master, arrivals, at, dispatched, grouped, one_queue, pushed

COUNT = 30_000
POLICIES = ("one queue", "credits", "least 0", "least 0.01", "round robin", "random")
WORKERS = (2, 4, 8, 16, 64, 256)
RATES = (1_000, 10_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
WAYS = ("1 master", "2 threads", "4 threads", "8 threads", "16 threads", "4 groups", "16 groups")

CHOICES = "Waiting p50 / p99 in mean service times (10 ms), workers {load:.0%} busy"
FULLNESS = "Waiting p99 in ms, 256 workers {load:.0%} busy, {handoff:.1f} us for a hand-off"
END = """Kept ones cost it nothing.
Beyond, several dispatcher threads before the same workers keep one queue. Groups (a master with workers of
its own each, SO_REUSEPORT before them) share nothing, but what one has too much can't go to another one."""


Rows = list[list[str]]
"""The first one is the head."""


def waits_of(
    policy: str, rate: float, mean: float, workers: int, handoff: float, *, count: int
) -> list[float]:
    """Return the waits under *policy*."""
    jobs = arrivals(rate, mean, count=count)
    ready = dispatched(jobs, handoff)
    if policy == "one queue":
        return one_queue(jobs, ready, workers)
    return (
        Master(jobs, ready, workers).play()
        if policy == "credits"
        else pushed(jobs, ready, workers, policy)
    )


def choices(load: float, handoff: float, *, count: int = COUNT) -> Rows:
    """Return the waits under each policy, for a mean of 10 ms: p50 / p99 in mean service times."""
    rows = [["", *(f"{workers} workers" for workers in WORKERS)]]
    for policy in POLICIES:
        cells = []
        for workers in WORKERS:
            waits = waits_of(policy, load * workers / 0.01, 0.01, workers, handoff, count=count)
            cells.append(f"{at(waits, 0.5) / 0.01:.2f} / {at(waits, 0.99) / 0.01:.2f}")
        rows.append([policy, *cells])
    return rows


def fullness(load: float, handoff: float, *, count: int = COUNT) -> Rows:
    """Return the p99 of waiting in ms before 256 workers, whose requests are as short as the rate demands."""
    rows = [["connections/s", "service", *WAYS]]
    for rate in RATES:
        mean = load * 256 / rate
        jobs, cells = arrivals(rate, mean, count=count), []
        for way in WAYS:
            number = int(way.split()[0])
            is_full = rate * handoff / number >= 1
            if is_full:
                cells.append("full")
            elif "group" in way:
                cells.append(f"{at(grouped(jobs, 256, number, handoff), 0.99) * 1000:.2f}")
            else:
                waits = Master(jobs, dispatched(jobs, handoff, number), 256).play()
                cells.append(f"{at(waits, 0.99) * 1000:.2f}")
        rows.append([f"{rate:,}", f"{mean * 1e3:.2f} ms", *cells])
    return rows


def verdict(handoff: float) -> str:
    """Return what follows."""
    return f"One core of a master is full at {1 / handoff:,.0f} new connections a second. {END}"


def show(title: str, rows: Rows) -> None:
    """Print a table."""
    print(f"{title}\n" + "\n".join("".join(f"{cell:>14}" for cell in row) for row in rows), "\n")


def main() -> None:
    """Print both tables, and what follows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--handoff", type=float, default=HANDOFF * 1e6, help="us of a master's core"
    )
    parser.add_argument("--load", type=float, default=0.6)
    chosen = parser.parse_args()
    handoff = chosen.handoff / 1e6
    show(CHOICES.format(load=chosen.load), choices(chosen.load, handoff))
    show(FULLNESS.format(load=chosen.load, handoff=chosen.handoff), fullness(chosen.load, handoff))
    print(verdict(handoff))


if __name__ == "__main__":
    main()

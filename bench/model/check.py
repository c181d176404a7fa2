"""Does the model say what servers do? Both get the same requests, with 2 to 16 workers, on new connections.

fastfork deals by credits; gunicorn's sync workers take from one queue, after a fashion; fastpysgi's stand
behind SO_REUSEPORT, so the kernel gives them connections by a hash, which is chance. Wants a quiet machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dispatch import HANDOFF, Job, Master, arrivals, at, dispatched, one_queue, pushed

sys.path.insert(0, str(Path(__file__).parents[1] / "macro"))

import drivers
import tail
from openloop import GRACE, Player, Request
from scenario import free_port, serving

LOAD, MEAN = 0.6, 0.0095
PAIRS = {"fastfork": "credits", "gunicorn-sync": "one queue", "fastpysgi": "random"}


def modelled(policy: str, jobs: list[Job], workers: int) -> list[float]:
    """Return the waits that the model expects."""
    ready = dispatched(jobs, HANDOFF)
    if policy == "credits":
        return Master(jobs, ready, workers).play()
    return (
        one_queue(jobs, ready, workers)
        if policy == "one queue"
        else pushed(jobs, ready, workers, policy)
    )


def measured(server: str, jobs: list[Job], workers: int) -> list[float]:
    """Return the waits at a real one; who has no answer has waited until the client gave up."""
    requests = [Request(at=when + 0.1, service=takes, fresh=True) for when, takes in jobs]
    job = drivers.Job(port=free_port(), app="work", workers=workers)
    with serving(drivers.DRIVERS[server], job, pinned=False) as running:
        tail.pids_of(running.port, count=workers)
        answers = Player(running.port, requests).play()
    return [
        min(answer.done, request.at + GRACE) - request.at - request.service
        for answer, request in zip(answers, requests, strict=True)
    ]


def main() -> None:
    """Print both, side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8, 16])
    chosen = parser.parse_args()
    drivers.prepare()
    print(f"Waiting in ms, workers {LOAD:.0%} busy: model / measured, at p50, p90 and p99")
    for workers in chosen.workers:
        rate = LOAD * workers / MEAN
        jobs = arrivals(rate, MEAN, count=int(rate * chosen.seconds))
        for server, policy in PAIRS.items():
            both = modelled(policy, jobs, workers), measured(server, jobs, workers)
            cells = [
                " / ".join(f"{at(waits, part) * 1000:8.1f}" for waits in both)
                for part in (0.5, 0.9, 0.99)
            ]
            print(f"{workers:3} workers {server:14}{policy:12}" + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()

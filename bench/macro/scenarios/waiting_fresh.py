"""How long does a request wait that could have been served? Beside the ideal: one queue, all workers."""

from __future__ import annotations

from math import inf

import tail
from openloop import GRACE, Player
from scenario import Figures, Refused, Scenario, Server

CASE = tail.CASES["8x1"]
POINTS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


def name_of(part: float) -> str:
    """Return what a percentile is called among the figures."""
    return f"p{part * 100:g}".replace(".", "") + "_ms"


def percentiles(waits: list[float]) -> Figures:
    """Return the percentiles in milliseconds."""
    waits = sorted(waits)
    return {name_of(part): tail.at(waits, part) * 1000 for part in POINTS}


def measured(mode: str, server: Server, seconds: float) -> Figures:
    """Play the arrivals of a case; *seconds* are at least 4: fewer show no p99."""
    requests = tail.arrivals(CASE, mode=mode, seconds=max(4.0, seconds), seed=1)
    tail.pids_of(server.port, count=server.job.workers)
    player = Player(server.port, requests)
    answers = player.play()
    failed = sum(answer.done == inf for answer in answers)
    if failed > len(answers) / 10:
        raise Refused(f"{failed} of {len(answers)} requests had no answer")
    waits = [  # who had no answer waited until the client gave up
        min(answer.done, request.at + GRACE) - request.at - request.service
        for answer, request in zip(answers, requests, strict=True)
    ]
    ideal = percentiles(tail.ideal(requests, case=CASE, stop=None))
    late = tail.at(sorted(answer.late for answer in answers), 0.99)
    figures = percentiles(waits)
    return {
        **figures,
        "x_ideal": figures["p99_ms"] / ideal["p99_ms"],
        "failed": failed,
        "client_late_ms": late * 1000,
        **{f"ideal_{name}": value for name, value in ideal.items()},
    }


SCENARIO = Scenario(
    question="How long does a request wait in vain, on a connection of its own?",
    measure=lambda server, seconds: measured("new", server, seconds),
    main="p99_ms",
    unit="waiting p99, ms",
    shown=("p50_ms", "p90_ms", "x_ideal", "client_late_ms"),
    app="work",
    points={"8 workers": {"workers": 8}},
    drivers=(
        *("floor-queue", "fastfork", "gunicorn-sync", "gunicorn-gthread", "granian", "uwsgi"),
        "fastpysgi",
    ),
    is_pinned=False,
    seconds=6.0,
    more="Open loop, 500 requests/s by chance; 90 % take 5 ms, 10 % take 50 ms; 8 workers are 60 % busy. "
    "Waiting is what is left of the response time without the work, counted from when a request was due. "
    "The ideal is a simulated queue before 8 servers, floor-queue the same in C on this machine. "
    "A client that is late itself measures itself.",
)

"""Does every worker get its share?"""

from __future__ import annotations

from collections import Counter

from client import LAST_REQUEST, Connection
from scenario import Figures, Scenario, Server

SAMPLES = 400


def measure(server: Server, seconds: float) -> Figures:
    """Ask on one new connection after the other, and count who answers."""
    seen: Counter[bytes] = Counter()
    for _ in range(SAMPLES):
        connection = Connection(server.port)
        seen[connection.ask(LAST_REQUEST)] += 1
        connection.close()
    fair = SAMPLES / server.job.workers
    counts = sorted(seen.values(), reverse=True)
    counts += [0] * (server.job.workers - len(counts))
    shares = {f"share_{rank}": count / fair for rank, count in enumerate(counts)}
    return {"worst": (max(counts) / fair - 1) * 100, **shares}


SCENARIO = Scenario(
    question="Does every worker get its share of new connections, one after the other?",
    measure=measure,
    main="worst",
    unit="% that the busiest of 4 gets above its share",
    shown=("share_0", "share_1", "share_2", "share_3"),
    app="pid",
    points={"4 workers": {"workers": 4}},
    is_pinned=False,
    rounds=3,
)

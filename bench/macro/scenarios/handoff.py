"""What does the master itself pay for each connection that it hands off?"""

from __future__ import annotations

from pathlib import Path

from scenario import LAST, Figures, Scenario, Server, load


def cpu_us(pid: int) -> float:
    """Return the CPU time of the first thread of *pid*; to the microsecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def measure(server: Server, seconds: float) -> Figures:
    """Count the master's time alone, beside that of all."""
    load(server, server.driver.warm, request=LAST, fresh=True)
    before = cpu_us(server.pid)
    figures = load(server, seconds, request=LAST, fresh=True)
    spent = cpu_us(server.pid) - before
    connections = figures["rps"] * (seconds + server.driver.warm)
    return {"master_us": spent / connections, "rps": figures["rps"], "cpu_us": figures["cpu_us"]}


SCENARIO = Scenario(
    question="What does the master pay for a connection that it hands off to 1 to 16 workers?",
    measure=measure,
    main="master_us",
    unit="CPU µs of the master / connection",
    shown=("rps", "cpu_us"),
    kinds=("wsgi", "hello"),
    drivers=("fastfork", "node-cluster"),
    points={f"{n} workers": {"workers": n} for n in (1, 4, 16)},
    is_pinned=False,
    rounds=3,
    more="A master that is full hands off a million divided by this a second. Others have none that accepts.",
)

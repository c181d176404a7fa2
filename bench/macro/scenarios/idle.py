"""What do connections cost that say nothing?"""

from __future__ import annotations

import tree
from client import Connection, allow_open_files
from scenario import Figures, Scenario, Server, load

COUNTS = (100, 1000, 9000)


def measure(server: Server, seconds: float) -> Figures:
    """Open them one after the other, each with an answer, and load the server beside them."""
    allow_open_files(COUNTS[-1] + 500)
    figures = {}
    opened: list[Connection] = []
    before = tree.memory_bytes(server.pid, "Pss")
    for count in COUNTS:
        while len(opened) < count:
            opened.append(Connection(server.port))
            opened[-1].ask()
        grown = tree.memory_bytes(server.pid, "Pss") - before
        beside = load(server, seconds, connections=20)
        figures[f"kib_{count}"] = grown / 1024
        figures[f"cpu_us_{count}"] = beside["cpu_us"]
        figures[f"p99_ms_{count}"] = beside["p99_ms"]
    for connection in opened:
        connection.close()
    figures["bytes_each"] = figures[f"kib_{COUNTS[-1]}"] * 1024 / COUNTS[-1]
    return figures


SCENARIO = Scenario(
    question="What does a connection cost that says nothing, with 9,000 of them?",
    measure=measure,
    main="bytes_each",
    unit="bytes / connection",
    shown=("cpu_us_100", "cpu_us_9000", "p99_ms_100", "p99_ms_9000"),
    kinds=("wsgi", "asgi", "hello"),
    drivers=(
        *("fastfork", "fastfork-asgi", "gunicorn-asgi", "granian", "granian-asgi", "uvicorn"),
        *("bjoern", "fastpysgi", "freastal", "node-cluster"),
    ),
    seconds=1.0,
    rounds=3,
    more="Memory (PSS) that the whole tree grows by; beside them 20 connections ask as fast as they can.",
)

"""How fast do workers talk to each other?"""

from __future__ import annotations

import bus
from scenario import Figures, Scenario, Server

NAMES = {
    "trip_us": "round trip, to worker",
    "trip_us_mp_pipe": "round trip, mp.Pipe",
    "per_s": "one way, to worker",
    "per_s_node": "one way, Node",
    "per_s_mp_queue": "one way, mp.Queue",
    "cpu_us": "CPU of a message, to worker",
    "cpu_us_node": "CPU of a message, Node",
    "per_s_to_8": "broadcast to 8",
}


def measure(server: Server, seconds: float) -> Figures:
    """Let bus.py measure on servers of its own; this one only waits."""
    found = bus.measure(0.2)
    return {short: found[name] for short, name in NAMES.items() if name in found}


SCENARIO = Scenario(
    question="How fast do workers talk to each other?",
    measure=measure,
    main="trip_us",
    unit="µs there and back",
    shown=tuple(NAMES)[1:],
    drivers=("fastfork",),
    is_pinned=False,
    rounds=3,
    more="In the same row: Node's channel, and multiprocessing's pipe and queue, in the same round.",
)

"""Why a target that is missed is missed, as measured, and what would be tried next.

The report prints what belongs to targets that its results miss, and nothing else of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Miss:
    """What is known of a target that can be missed."""

    reason: str
    ideas: tuple[str, str, str]


WAITING = (
    "The same queue in C on the same machine (the row floor-queue) is the least that can be measured: "
    "what it is above 1 is timers, scheduler and client. On quiet cores fastfork was at 1.11 x the "
    "ideal on new connections and at 1.10 x on kept ones, that queue at 1.08 x and 1.09 x."
)
LESS_WAITING = (
    "look at the row floor-queue and at client_late_ms first, and run it again on a quiet machine",
    "take back sooner than 2 ms where the mean of requests says that it pays",
    "tell short requests from long ones by what they took before",
)

MISSES: dict[str, Miss] = {
    "fresh": Miss(
        reason="A new connection takes four system calls of the worker and two of the master "
        "(bench/micro/budgets.toml): a message there and a second close are what a server does not have "
        "that accepts for itself. On quiet cores it was at 1.14 x.",
        ideas=(
            "accept and deal more in a batch when several arrive at once",
            "serve a connection for one request from the master's descriptor, without a close at the worker",
            "groups of workers that accept for themselves, with the master for what waits only",
        ),
    ),
    "asgi": Miss(
        reason="Before Python 3.12 a task can't start eagerly: each request takes a turn of the event "
        "loop. The same hello was 1.52 x the floor on 3.12, and 1.66 to 1.87 x in six runs on 3.11.",
        ideas=(
            "Python 3.12 or newer",
            "run the first step without a task, and make one only for what waits",
            "answer what is done within one step before its scope is freed, from objects that are used again",
        ),
    ),
    "waiting-fresh": Miss(reason=WAITING, ideas=LESS_WAITING),
    "waiting-kept": Miss(reason=WAITING, ideas=LESS_WAITING),
    "access-log": Miss(
        reason="Lines are gathered: 0.05 writes a request under load. What is left is making the line.",
        ideas=(
            "make the parts that a connection repeats once for each connection",
            "write from a thread of its own on a core that is free",
            "a binary log that a command makes readable",
        ),
    ),
}
"""By the key of `figures.PROMISED`."""

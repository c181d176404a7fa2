"""The bus in workers that have an event loop."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from fix_cluster import Cluster, Start
from fix_processes import wait_until

LOOPS = ["asyncio", "uvloop"]


def say(server: Cluster, path: str) -> Any:
    """Return what the application answers."""
    return json.loads(server.ask(path))


def heard(server: Cluster, kind: str) -> dict[int, list[Any]]:
    """Return what each worker has heard, by pid, once both have been asked."""
    found: dict[int, list[Any]] = {}
    while len(found) < 2:
        state = say(server, "/state")
        found[state["pid"]] = [what[1:] for what in state["heard"] if what[0] == kind]
    return found


@pytest.mark.parametrize("loop", LOOPS)
def test_handlers_run_on_the_loop_of_every_worker_in_order(start: Start, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    server = start("bus_asgi:app", "--loop", loop)

    say(server, "/publish")

    expected = [[n, "on the loop"] for n in range(100)]
    wait_until(lambda: list(heard(server, "async").values()) == [expected] * 2)
    assert list(heard(server, "plain").values()) == [expected] * 2


@pytest.mark.parametrize("loop", LOOPS)
def test_coroutines_and_threads_ask_and_async_responders_answer(start: Start, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    server = start("bus_asgi:app", "--loop", loop)

    answers = say(server, "/ask")

    assert [message for _, message in answers] == list(range(100))
    assert {pid for pid, _ in answers} == set(server.workers)
    assert say(server, "/ask-in-a-thread")[1] == "x"


def test_async_leader_stops_before_the_next_one_starts(start: Start) -> None:
    server = start("bus_asgi:app")
    (first,) = wait_until(lambda: leaders(server))

    os.kill(first, signal.SIGTERM)
    server.wait_for_log(f"(pid {first}) exited")

    wait_until(lambda: [pid for pid in leaders(server) if pid != first])
    assert say(server, "/state")["leaders"] == 1


def leaders(server: Cluster) -> list[int]:
    """Return the pids of workers that began to lead."""
    return [pid for pid, what in heard(server, "leads").items() if what == [[None, "on the loop"]]]

"""What steering costs: nothing at rest, and nothing is left of it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from fastfork.control import Client
from fix_cluster import Start, resident
from fix_control import ADMIN, Desk, Office
from fix_processes import wait_until

SECONDS = 1.5


def wake_ups(pid: int) -> int:
    """Return how often a process has gone to sleep."""
    found = re.search(
        r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    assert found
    return int(found[1])


@pytest.mark.parametrize("workers", [4, pytest.param(64, marks=pytest.mark.long)])
@pytest.mark.slow
def test_server_that_nobody_asks_does_not_wake_up(start: Start, desk: Desk, workers: int) -> None:
    server = start("process:app", *desk.options, *ADMIN, workers=workers)
    pids = [server.pid, *server.workers]
    server.wait_for_rest()
    began, before = time.monotonic(), [wake_ups(pid) for pid in pids]

    wait_until(lambda: time.monotonic() > began + SECONDS)

    assert sum(wake_ups(pid) for pid in pids) - sum(before) <= 1


@pytest.mark.parametrize(
    ("commands", "cycles"),
    [(300, 10), pytest.param(10_000, 1_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])],
)
@pytest.mark.slow
def test_commands_reloads_and_scaling_leave_neither_memory_nor_descriptors_behind(
    start: Start, desk: Desk, commands: int, cycles: int
) -> None:
    server = start("process:app", *desk.options, *ADMIN)
    office, fds = Office(server), server.master_fds()

    def steer(times: int, cycles: int) -> None:
        with Client(desk.socket) as client:
            for turn in range(times):
                assert client.status()["state"] == "serving"
                if turn % 10 == 0:
                    assert office.ask("/metrics").status == 200
                if turn % (times // cycles) == 0:
                    client.restart(turn % 2)
                    client.scale("+1")
                    client.reload()
                    client.scale("-1")

    steer(100, 20)
    memory = resident(server.pid)
    steer(commands, cycles)

    wait_until(lambda: server.master_fds() == fds)
    assert resident(server.pid) - memory < 1 << 20

"""Killing the worker that has a request, and finding what became of it."""

from __future__ import annotations

import os
import re
import signal

from fix_cluster import Cluster, Gate
from fix_fds import open_fds
from fix_processes import wait_until


def kill_at(server: Cluster, door: Gate) -> int:
    """Kill the worker whose request stands at *door*; return its pid."""
    victim = server.worker_at(door)
    os.kill(victim, signal.SIGKILL)
    return victim


def kill_and_open(server: Cluster, door: Gate) -> tuple[int, int]:
    """Kill the worker at *door*, and let the request pass when it comes again: who died, who ran it."""
    victim = kill_at(server, door)
    server.wait_for_log(f"(pid {victim}) died")
    survivor = server.worker_at(door)
    door.open()
    return victim, survivor


def wait_for_word(server: Cluster, beginning: str, end: str) -> None:
    """Wait for the line of the log that says what became of a request."""
    # Of a long request line the log has the beginning only.
    told = re.compile(rf"worker \d+ died in {re.escape(beginning)}.*: {re.escape(end)}")
    wait_until(lambda: told.search(server.log))


def holder(server: Cluster) -> int:
    """Return the worker that has read from the only connection, and waits for more."""
    found = wait_until(lambda: [pid for pid in server.workers if _connections(pid)])
    server.wait_for_rest()
    return found[0]


def _connections(pid: int) -> int:
    return sum(what.startswith("socket:") for what in open_fds(pid).values()) - 1  # the channel

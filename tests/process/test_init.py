"""The master as process 1 of a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fix_cluster import Start
from fix_processes import children_of, wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
if os.getuid() != 0:
    UNSHARE[1:1] = ["--user", "--map-root-user"]

pytestmark = pytest.mark.skipif(
    subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0,
    reason="this machine allows no PID namespace",
)

FASTFORK = [*UNSHARE, sys.executable, "-m", "fastfork"]


def test_process_1_drains_at_term_and_its_exit_code_arrives(start: Start) -> None:
    server = start(command=FASTFORK)
    (master,) = children_of(server.pid)
    assert "(pid 1)" in server.log
    assert server.ask()

    os.kill(master, signal.SIGTERM)

    assert server.wait_for_end() == 0
    assert "stopped" in server.log


def test_process_1_reaps_orphans(start: Start) -> None:
    server = start(command=FASTFORK)
    (master,) = children_of(server.pid)
    workers = children_of(master)

    assert server.ask("/orphan?count=30") == b"done"

    wait_until(lambda: children_of(master) == workers)
    os.kill(master, signal.SIGTERM)


def test_process_1_reaps_orphans_that_end_together_with_a_worker(start: Start) -> None:
    server = start("process:app", "--no-preload", command=FASTFORK, workers=1)
    (master,) = children_of(server.pid)
    (worker,) = children_of(master)
    assert server.ask("/dependants?count=20") == b"done"

    os.kill(master, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: [_state(pid) for pid in children_of(master)] == ["Z"] * 21)
    os.kill(master, signal.SIGCONT)

    wait_until(lambda: [_state(pid) for pid in children_of(master)] == ["S"])
    os.kill(master, signal.SIGTERM)


def test_process_1_replaces_a_crashed_worker(start: Start) -> None:
    server = start("process:app", "--no-preload", command=FASTFORK, workers=1)
    (master,) = children_of(server.pid)
    (victim,) = children_of(master)

    os.kill(victim, signal.SIGKILL)

    wait_until(lambda: server.log.count("worker 0 (pid") == 3)  # started, died, started
    assert server.ask()
    os.kill(master, signal.SIGTERM)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # reaped meanwhile
        return ""


def test_process_1_ends_with_the_exit_code_of_an_application_that_fails(start: Start) -> None:
    server = start("mistakes_at_import:app", command=FASTFORK, is_up=False)
    server.exit_code = 4

    assert server.wait_for_end() == 4
    assert "there is no module 'mistakes_at_import'" in server.log


def test_process_1_stops_its_workers_at_once_at_quit(start: Start) -> None:
    server = start(command=FASTFORK)
    (master,) = children_of(server.pid)

    os.kill(master, signal.SIGQUIT)

    assert server.wait_for_end() == 0

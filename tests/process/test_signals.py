"""Signals that are no reason to stop, and those that come at bad times."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Gate, Start
from fix_processes import processes_of, wait_until
from fix_wire import Connect, get

HARMLESS = [
    signal.SIGUSR1,
    signal.SIGWINCH,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGPIPE,
    signal.SIGCHLD,
    signal.SIGCONT,
]


@pytest.mark.parametrize("number", HARMLESS, ids=lambda number: number.name)
def test_a_signal_that_means_nothing_yet_stops_nothing(
    number: signal.Signals, start: Start
) -> None:
    server = start(workers=1)

    server.process.send_signal(number)
    os.kill(server.worker_in(0), number)

    assert server.who().pid == server.worker_in(0)


def test_a_worker_ignores_what_is_for_the_master_and_blocks_nothing(start: Start) -> None:
    server = start(workers=1)

    said = server.ask("/signals").decode().splitlines()

    ours = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR2}
    pythons = {signal.SIGPIPE, signal.SIGXFSZ}
    assert said == [f"ignored {sorted(map(int, ours | pythons))}", "blocked []"]


def test_stopping_at_once_is_called_so_and_runs_nothing_again(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.send_signal(signal.SIGQUIT)

    assert server.wait_for_end() == 0
    assert wire.read_response().status == 502
    assert ": answered 502" in server.log
    assert " was killed" in server.log
    assert "SIGKILL" not in server.log
    assert "runs it again" not in server.log


def test_a_storm_of_signals_does_not_drown_the_one_that_matters(start: Start) -> None:
    server = start(workers=1)

    for _ in range(5000):
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGWINCH)
    server.process.terminate()

    assert server.wait_for_end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_before_the_application_is_loaded_ends_the_start(
    number: signal.Signals, start: Start, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    door = gate()
    (tmp_path / "slow.py").write_text(f"open({str(door.path)!r}, 'rb').read()\n")
    server = start("slow:app", cwd=tmp_path, is_up=False)
    door.wait_for_request()

    server.process.send_signal(number)

    assert server.wait_for_end() == 0
    assert "Listening" not in server.log
    assert "Traceback" not in server.log


def test_a_master_killed_before_it_is_ready_leaves_no_worker(
    start: Start, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    door = gate()
    (tmp_path / "slow.py").write_text(
        f"open({str(door.path)!r}, 'rb').read()\ndef app(environ, start_response): pass\n"
    )
    server = start("slow:app", cwd=tmp_path, workers=1, is_up=False)
    server.exit_code = -signal.SIGKILL
    door.wait_for_request()

    server.process.kill()
    server.process.wait()
    door.open()

    wait_until(lambda: not processes_of(server.pid))
    assert "Traceback" not in server.log


@pytest.mark.slow
@pytest.mark.parametrize("lines", range(4))
def test_a_stop_at_any_moment_of_the_start_leaves_nothing(
    lines: int, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    server = start("process:app", "-b", f"unix:{path}", workers=4, is_up=False)

    wait_until(lambda: server.log.count("\n") > lines)
    server.process.terminate()

    assert server.wait_for_end() == 0
    assert not path.exists()
    assert "Traceback" not in server.log


def test_a_worker_killed_before_it_is_ready_stops_the_start_and_is_named(
    start: Start, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    door = gate()
    (tmp_path / "slow.py").write_text(f"open({str(door.path)!r}, 'rb').read()\n")
    server = start("slow:app", "--no-preload", cwd=tmp_path, workers=3, is_up=False)
    server.exit_code = 3
    door.wait_for_request()

    os.kill(server.workers[0], signal.SIGKILL)

    assert server.wait_for_end() == 3
    assert "died before it had loaded the application: SIGKILL" in server.log

"""A worker dies: who notices, and what comes in its place."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Gate, Start, answer
from fix_fds import open_fds
from fix_processes import wait_until
from fix_wire import Connect, Wire, get, post

MakeGate = Callable[[], Gate]


def test_a_killed_worker_is_replaced_in_its_slot(start: Start) -> None:
    server = start(workers=3)
    before = server.worker_in(1)

    after = server.replace(1)

    assert f"worker 1 (pid {before}) died: SIGKILL; next try at once" in server.log
    assert {server.who() for _ in range(3)} == {
        (0, server.worker_in(0)),
        (1, after),
        (2, server.worker_in(2)),
    }


def test_the_master_has_the_same_descriptors_after_a_crash(start: Start) -> None:
    server = start(workers=2)
    before = server.master_fds()

    server.replace(0)

    wait_until(lambda: server.master_fds() == before)


def test_idle_connections_of_a_killed_worker_live_on(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    wires: list[Wire] = []
    owners: set[int] = set()
    while len(wires) < 10 or owners != {0, 1}:
        wires.append(connect(server).send(get()))
        owners.add(answer(wires[-1].read_response().body).slot)
    server.wait_for_rest()

    server.replace(0)

    for wire in wires:
        assert wire.send(get()).read_response().status == 200


def test_what_was_dealt_to_a_stopped_worker_is_answered_after_its_death(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    victim = server.worker_in(0)
    os.kill(victim, signal.SIGSTOP)
    wires = [connect(server).send(get()) for _ in range(10)]
    wait_until(lambda: sum(not wire.is_quiet() for wire in wires) >= 5)  # the other one's half

    os.kill(victim, signal.SIGKILL)

    for wire in wires:
        assert answer(wire.read_response().body).pid != victim


def test_the_only_worker_dies_and_those_who_wait_are_answered_by_the_next(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    victim = server.worker_in(0)
    os.kill(victim, signal.SIGSTOP)
    wires = [connect(server).send(get()) for _ in range(100)]

    os.kill(victim, signal.SIGKILL)

    assert {answer(wire.read_response().body).pid for wire in wires} == {server.worker_in(0)}
    assert server.worker_in(0) != victim


def test_half_a_request_in_the_only_worker_is_completed_by_the_next(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    wire = connect(server).send(get()[:20])
    wait_until(lambda: _holds_a_socket(server.worker_in(0)))
    server.wait_for_rest()

    after = server.replace(0)
    wire.send(get()[20:])

    assert answer(wire.read_response().body).pid == after


def test_a_post_inside_the_application_ends_with_its_worker_and_is_counted(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(post(b"", door.url()))
    victim = server.worker_at(door)

    os.kill(victim, signal.SIGKILL)

    assert wire.read_response().status == 502
    assert wire.is_ended()
    server.wait_for_log(f"(pid {victim}) died: SIGKILL, 1 request lost; next try at once")


def test_those_behind_the_running_request_are_answered_before_it_ends(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    running = connect(server).send(post(b"", door.url()))
    victim = server.worker_at(door)
    waiting = [connect(server).send(get()) for _ in range(10)]

    assert all(wire.read_response().status == 200 for wire in waiting)
    os.kill(victim, signal.SIGKILL)

    assert running.read_response().status == 502


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_signal_that_kills_a_worker_in_a_request_is_named(
    number: signal.Signals, start: Start, connect: Connect
) -> None:
    server = start(workers=1)

    wire = connect(server).send(post(b"", f"/die?signal={int(number)}"))

    assert wire.read_response().status == 502
    server.wait_for_log(f"died: {number.name}, 1 request lost")
    assert server.who().slot == 0


def test_an_exit_in_the_middle_of_a_request_is_named(start: Start, connect: Connect) -> None:
    server = start(workers=1)

    wire = connect(server).send(post(b"", "/leave?code=7"))

    assert wire.read_response().status == 502
    server.wait_for_log("died: exit code 7, 1 request lost")
    assert server.who().slot == 0


def test_all_workers_die_at_once_and_all_come_back(start: Start, connect: Connect) -> None:
    server = start(workers=4)
    idle = [connect(server).send(get()) for _ in range(8)]
    for wire in idle:
        wire.read_response()
    server.wait_for_rest()
    before = server.workers

    for pid in before:
        os.kill(pid, signal.SIGKILL)
    fresh = [connect(server).send(get()) for _ in range(8)]

    for wire in [*idle, *fresh]:
        if wire in idle:
            wire.send(get())
        assert answer(wire.read_response().body).pid not in before
    wait_until(lambda: len({server.worker_in(slot) for slot in range(4)} - set(before)) == 4)


def test_a_worker_that_keeps_crashing_is_tried_less_and_less_often(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    died = re.compile(r"worker 0 .* died: SIGKILL; next try (?:at once|in ([\d.]+) s)")

    for _ in range(4):
        server.replace(0)

    delays = [float(delay or 0) for delay in died.findall(server.log)]
    assert delays[0] == 0
    for delay, base in zip(delays[1:], (0.1, 0.2, 0.4), strict=True):
        assert 0.8 * base - 0.05 <= delay <= 1.2 * base + 0.05  # the log rounds


@pytest.mark.slow
def test_a_worker_that_cannot_start_again_does_not_stop_the_others(
    start: Start, tmp_path: Path
) -> None:
    switch = tmp_path / "broken"
    (tmp_path / "moody.py").write_text(
        "import os\n"
        f"if os.path.exists({str(switch)!r}): raise RuntimeError('moody')\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '2')])\n"
        "    return [b'ok']\n"
    )
    server = start("moody:app", "--no-preload", cwd=tmp_path, workers=2)
    switch.touch()
    forks = server.log.count("could not start")

    os.kill(server.worker_in(0), signal.SIGKILL)
    wait_until(lambda: server.log.count("could not start") - forks >= 3)

    assert [server.ask() for _ in range(10)] == [b"ok"] * 10
    assert server.log.count("Traceback") == 1  # one line a try after the first
    switch.unlink()
    wait_until(lambda: server.log.count("worker 0") - server.log.count("could not start") == 3)
    assert server.ask() == b"ok"


def _holds_a_socket(pid: int) -> bool:
    return sum(what.startswith("socket:") for what in open_fds(pid).values()) > 1

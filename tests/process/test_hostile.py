"""Clients and applications that do what nobody should."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest

from fix_cluster import Gate, Start, answer
from fix_processes import wait_until
from fix_wire import Connect, Wire, get, post

MakeGate = Callable[[], Gate]


def reset(wire: Wire) -> None:
    """End the connection as a crashed client does."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def test_clients_that_reset_before_they_are_claimed_leave_nothing(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    before = server.master_fds()
    os.kill(server.worker_in(0), signal.SIGSTOP)
    for _ in range(40):
        reset(Wire(server.connect()).send(get()))

    os.kill(server.worker_in(0), signal.SIGCONT)

    assert connect(server).send(get()).read_response().status == 200
    wait_until(lambda: len(server.master_fds()) <= len(before) + 1)


def test_clients_that_reset_while_their_connection_is_parked_leave_nothing(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    before = server.master_fds()
    wires = [connect(server).send(get()) for _ in range(40)]
    for wire in wires:
        wire.read_response()
    server.wait_for_rest()
    server.replace(0)

    for wire in wires:
        reset(wire)

    wait_until(lambda: server.master_fds() == before)


def test_a_client_that_resets_inside_its_request_costs_nobody_anything(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    reset(wire)
    door.open()

    assert server.who().pid == server.worker_in(0)
    assert "Traceback" not in server.log


def test_half_a_body_in_the_only_worker_is_completed_by_the_next(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    request = post(b"x" * 1000)
    wire = connect(server).send(request[:-500])
    server.wait_for_rest()
    wait_until(lambda: server.ask("/fds").count(b"socket:") == 3)

    after = server.replace(0)
    wire.send(request[-500:])

    assert answer(wire.read_response().body).pid == after


def test_a_slow_request_survives_the_deaths_of_both_workers(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    wire = connect(server).send(get())
    owner = answer(wire.read_response().body)
    server.wait_for_rest()

    server.replace(owner.slot)
    wire.send(get()[:10])
    server.replace(1 - owner.slot)
    wire.send(get()[10:])

    assert wire.read_response().status == 200


def test_an_application_that_closes_the_servers_descriptors_takes_only_its_worker_along(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    before = server.master_fds()
    kept = connect(server).send(get())
    assert answer(kept.read_response().body).slot == 0
    victim = server.worker_in(1)

    wire = connect(server).send(get("/close_fds"))

    assert wire.is_ended()
    wait_until(lambda: server.worker_in(1) != victim)
    assert kept.send(get()).read_response().status == 200
    kept.close()
    wait_until(lambda: server.master_fds() == before)


def test_a_child_that_outlives_its_worker_holds_no_connection_open(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    door = gate()
    wire = connect(server).send(get(door.url("/lasting_child"), "Connection: close"))

    assert wire.read_response().status == 200
    assert wire.is_ended()
    door.wait_for_request()
    server.replace(0)
    assert server.who().pid == server.worker_in(0)
    door.open()


def test_a_child_does_not_keep_its_worker_from_leaving_with_the_master(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    server.exit_code = -signal.SIGKILL
    door = gate()
    server.ask(door.url("/lasting_child"))
    worker = server.worker_in(0)

    server.process.kill()

    wait_until(lambda: not os.path.exists(f"/proc/{worker}"))
    door.open()


def test_a_child_that_ends_like_a_script_changes_nothing_for_its_parent(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    wire = connect(server).send(get("/child_that_exits"))

    assert answer(wire.read_response().body).pid == server.worker_in(0)
    assert wire.is_quiet()
    assert answer(wire.send(get()).read_response().body).pid == server.worker_in(0)


def test_a_child_that_returns_from_the_application_does_not_answer(
    start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    worker = server.worker_in(0)

    for _ in range(20):
        wire = connect(server).send(get("/child_that_returns"))
        assert wire.read_response().body == f"parent {worker}".encode()
        assert wire.is_quiet()

    assert server.who().pid == worker


def test_many_signals_at_a_worker_lose_no_request(start: Start, connect: Connect) -> None:
    server = start(workers=1)
    wire = connect(server)

    for _ in range(200):
        os.kill(server.worker_in(0), signal.SIGWINCH)
        os.kill(server.worker_in(0), signal.SIGHUP)
        assert wire.send(get()).read_response().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_that_end_while_others_start_are_all_replaced(
    number: signal.Signals, start: Start
) -> None:
    server = start(workers=4)

    for _ in range(3):
        for pid in server.workers:
            with suppress(ProcessLookupError):  # it has ended by itself meanwhile
                os.kill(pid, number)

    wait_until(lambda: len({server.who().slot for _ in range(8)}) == 4)


def test_a_leaving_worker_that_is_killed_is_replaced_and_its_request_run_again(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    victim = server.worker_at(door)
    os.kill(victim, signal.SIGTERM)
    waiting = [connect(server).send(get()) for _ in range(6)]

    os.kill(victim, signal.SIGKILL)

    server.wait_for_log(f"(pid {victim}) died")
    server.worker_at(door)
    door.open()
    assert wire.read_response().status == 200
    assert all(one.read_response().status == 200 for one in waiting)
    wait_until(lambda: len({server.who().slot for _ in range(2)}) == 2)

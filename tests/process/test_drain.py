"""The server stops: what is begun is finished, and then nothing is left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import pytest

from fix_cluster import Gate, Start, answer
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import processes_of, wait_until
from fix_wire import Connect, Wire, get

MakeGate = Callable[[], Gate]


def is_free(port: int) -> bool:
    """Can another server listen on *port*?"""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_and_then_the_server_ends(
    number: signal.Signals, start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.send_signal(number)
    server.wait_for_log(f"{number.name}: draining")
    door.open()

    assert wire.read_response().status == 200
    assert server.wait_for_end() == 0
    assert wire.is_ended()


def test_the_port_is_free_while_the_last_request_still_runs(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    door = gate()
    connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.terminate()
    wait_until(lambda: is_free(server.port))

    assert server.process.poll() is None
    door.open()


def test_idle_connections_do_not_delay_the_end(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    wires = [connect(server).send(get()) for _ in range(10)]
    for wire in wires:
        wire.read_response()

    server.process.terminate()

    assert server.wait_for_end() == 0
    assert all(wire.is_ended() for wire in wires)


def test_who_never_said_anything_does_not_delay_the_end(start: Start, connect: Connect) -> None:
    server = start(workers=1)
    wire = connect(server)

    server.process.terminate()

    assert server.wait_for_end() == 0
    with pytest.raises(ConnectionError):
        wire.send(get()).read(1)


def test_the_answer_during_a_drain_says_that_the_connection_closes(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.terminate()
    server.wait_for_log("draining")
    door.open()

    assert wire.read_response()["Connection"] == "close"


@pytest.mark.parametrize("waiting", [10, 500])
def test_who_had_connected_before_the_drain_is_served(
    waiting: int, start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=1)
    door = gate()
    running = connect(server).send(get(door.url()))
    door.wait_for_request()
    wires = [connect(server).send(get()) for _ in range(waiting)]

    server.process.terminate()
    wait_until(lambda: is_free(server.port))
    door.open()

    assert running.read_response().status == 200
    assert [wire.read_response().status for wire in wires] == [200] * waiting


def test_a_second_signal_ends_it_at_once(start: Start, connect: Connect, gate: MakeGate) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.terminate()
    server.wait_for_log("draining")
    server.process.terminate()

    assert server.wait_for_end() == 0
    assert wire.read_response().status == 502
    assert wire.is_ended()


def test_a_signal_in_the_last_moment_changes_nothing(start: Start) -> None:
    server = start()

    server.process.terminate()
    server.wait_for_log("stopped")
    server.process.send_signal(signal.SIGINT)

    assert server.wait_for_end() == 0
    assert "Traceback" not in server.log


def test_quit_does_not_wait_for_anything(start: Start, connect: Connect, gate: MakeGate) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.send_signal(signal.SIGQUIT)

    assert server.wait_for_end() == 0
    assert wire.read_response().status == 502
    assert wire.is_ended()


def test_a_request_that_never_ends_is_answered_502_after_the_graceful_timeout(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--graceful-timeout", "0.2", workers=1)
    door = gate()
    wire = connect(server).send(get(door.url("/spin")))
    door.wait_for_request()
    door.open()

    server.process.terminate()

    assert server.wait_for_end() == 0
    assert "still running after 0.2 s: killed" in server.log
    assert wire.read_response().status == 502
    assert wire.is_ended()


def test_ctrl_c_reaches_the_whole_group_and_still_drains(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    os.killpg(server.pid, signal.SIGINT)
    server.wait_for_log("SIGINT: draining")
    door.open()

    assert wire.read_response().status == 200
    assert server.wait_for_end() == 0
    assert "stopping at once" not in server.log


def test_ctrl_c_twice_forces(start: Start, connect: Connect, gate: MakeGate) -> None:
    server = start(workers=2)
    door = gate()
    connect(server).send(get(door.url()))
    door.wait_for_request()

    os.killpg(server.pid, signal.SIGINT)
    server.wait_for_log("SIGINT: draining")
    os.killpg(server.pid, signal.SIGINT)

    assert server.wait_for_end() == 0


def test_a_worker_that_dies_during_the_drain_does_not_stop_it(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    first, second = gate(), gate()
    doomed = connect(server).send(get(first.url()))
    victim = server.worker_at(first)
    wire = connect(server).send(get(second.url()))
    second.wait_for_request()

    server.process.terminate()
    server.wait_for_log("draining")
    os.kill(victim, signal.SIGKILL)

    assert doomed.read_response().status == 502  # nobody takes new work any more
    assert doomed.is_ended()
    second.open()
    assert wire.read_response().status == 200
    assert server.wait_for_end() == 0


def test_term_to_one_worker_finishes_its_request_and_replaces_it(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))
    victim = server.worker_at(door)

    os.kill(victim, signal.SIGTERM)
    door.open()

    assert wire.read_response().status == 200
    wait_until(lambda: len({server.who().pid for _ in range(2)} - {victim}) == 2)


def test_idle_connections_of_a_leaving_worker_live_on(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    wires = [connect(server).send(get()) for _ in range(10)]
    for wire in wires:
        wire.read_response()

    server.replace(0, by=signal.SIGTERM)

    assert all(wire.send(get()).read_response().status == 200 for wire in wires)


def test_no_request_is_lost_while_workers_leave_one_after_another(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    kept = [connect(server) for _ in range(4)]

    for turn in range(4):
        victim = server.worker_in(turn % 2)
        os.kill(victim, signal.SIGTERM)
        while server.worker_in(turn % 2) == victim:
            assert server.ask()
            assert all(wire.send(get()).read_response().status == 200 for wire in kept)


def test_workers_finish_what_runs_and_end_when_the_master_is_killed(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    server.exit_code = -signal.SIGKILL
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.kill()
    server.process.wait()

    assert is_free(server.port)
    door.open()
    assert wire.read_response().status == 200
    wait_until(lambda: not processes_of(server.pid))


def test_a_worker_that_never_comes_back_outlives_a_killed_master_by_the_grace_at_most(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--graceful-timeout", "1", workers=1)
    server.exit_code = -signal.SIGKILL
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.process.kill()
    server.process.wait()

    wait_until(lambda: not processes_of(server.pid))
    assert wire.is_ended()


def test_idle_workers_end_with_a_killed_master(start: Start, connect: Connect) -> None:
    server = start(workers=4)
    server.exit_code = -signal.SIGKILL
    wires = [connect(server).send(get()) for _ in range(4)]
    for wire in wires:
        wire.read_response()

    server.process.kill()
    server.process.wait()

    wait_until(lambda: not processes_of(server.pid))
    assert all(wire.is_ended() for wire in wires)


def test_a_stopped_master_goes_on_where_it_was(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    kept = connect(server).send(get())
    kept.read_response()

    server.process.send_signal(signal.SIGSTOP)
    fresh = Wire(server.connect()).send(get())
    assert kept.send(get()).read_response().status == 200  # workers don't need the master for that
    server.process.send_signal(signal.SIGCONT)

    assert fresh.read_response().status == 200
    fresh.close()


def test_a_stop_under_load_ends_and_lets_nobody_hang(start: Start, load: StartLoad) -> None:
    server = start(workers=2)
    clients = load(server, *[on_new_connections, on_kept_connections] * 4)
    wait_until(lambda: clients.outcomes["answered"] > 100)

    server.process.terminate()

    assert server.wait_for_end() == 0
    outcomes = clients.stop()
    assert outcomes["hung"] == 0
    assert outcomes["cut"] <= 8 + 4  # who connects between the last accept and the close


def test_idle_connections_are_closed_while_another_worker_still_runs_a_request(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wires = [connect(server).send(get()) for _ in range(6)]
    owners = [answer(wire.read_response().body).pid for wire in wires]
    connect(server).send(get(door.url()))
    busy = server.worker_at(door)

    server.process.terminate()

    others = [wire for wire, owner in zip(wires, owners, strict=True) if owner != busy]
    assert len(others) == 3
    assert all(wire.is_ended() for wire in others)
    door.open()


def test_a_stopped_worker_is_killed_after_the_graceful_timeout(start: Start) -> None:
    server = start("process:app", "--graceful-timeout", "0.2", workers=2)
    os.kill(server.worker_in(0), signal.SIGSTOP)

    server.process.terminate()

    assert server.wait_for_end() == 0
    assert "worker 0" in server.log.partition("draining")[2]

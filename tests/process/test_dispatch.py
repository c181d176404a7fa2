"""Who gets the next connection: by turns, the least loaded, or always the same for the same client."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from fix_cluster import Answer, Cluster, Gate, Start, answer
from fix_load import StartLoad, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

MakeGate = Callable[[], Gate]
ConnectFrom = Callable[[str, Cluster], Wire]
CLIENTS = [f"127.0.0.{number}" for number in range(1, 21)]


@pytest.fixture
def connect_from() -> Iterator[ConnectFrom]:
    """Give connections of clients at other addresses than 127.0.0.1."""
    wires: list[Wire] = []

    def begin(address: str, server: Cluster) -> Wire:
        where = ("127.0.0.1", server.port)
        wires.append(Wire(socket.create_connection(where, timeout=20, source_address=(address, 0))))
        return wires[-1]

    yield begin
    for wire in wires:
        wire.close()


def ask_from(address: str, server: Cluster) -> Answer:
    """Return which worker answers the client at *address*."""
    where = ("127.0.0.1", server.port)
    wire = Wire(socket.create_connection(where, timeout=20, source_address=(address, 0)))
    try:
        return answer(wire.send(get("/", "Connection: close")).read_response().body)
    finally:
        wire.close()


def homes(server: Cluster) -> dict[str, int]:
    """Return the slot that each client is served by.

    Asked until it is the same three times: a worker that gets no CPU for some ms is passed over.
    """

    def found() -> dict[str, int]:
        return {address: ask_from(address, server).slot for address in CLIENTS}

    return wait_until(lambda: first if (first := found()) == found() == found() else {})


@pytest.mark.parametrize("policy", ["auto", "round-robin", "least-loaded"])
def test_sequential_connections_go_by_turns(policy: str, start: Start) -> None:
    server = start("process:app", "--dispatch", policy, workers=3)

    server.wait_for_turns(3, rounds=3)


def test_loaded_worker_gets_nothing_while_others_have_less(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--dispatch", "least-loaded", "--timeout", "0", workers=3)
    door = gate()
    held = connect(server).send(get(door.url()))
    loaded = server.worker_at(door)

    others = {*server.workers} - {loaded}
    wait_until(lambda: {server.who().pid for _ in range(8)} == others)

    assert {server.who().pid for _ in range(8)} <= others
    door.open()
    assert answer(held.read_response().body).pid == loaded


def test_a_client_is_served_by_the_same_worker_each_time(start: Start) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=3)

    first = homes(server)

    assert set(first.values()) == {0, 1, 2}
    assert homes(server) == first


def test_kept_connection_stays_with_its_worker_when_it_comes_back(
    start: Start, connect_from: ConnectFrom
) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=3)
    wires = {address: connect_from(address, server) for address in CLIENTS}

    def asked() -> dict[str, int]:
        server.wait_for_rest()  # by then the workers have given them back
        return {a: answer(w.send(get()).read_response().body).slot for a, w in wires.items()}

    first = homes(server)
    wait_until(lambda: asked() == asked() == first)


def test_client_waits_for_its_busy_worker_and_delays_no_other(
    start: Start, gate: MakeGate, connect_from: ConnectFrom
) -> None:
    server = start("process:app", "--dispatch", "ip-hash", "--timeout", "0", workers=2)
    slot_of = homes(server)
    busy = slot_of[CLIENTS[0]]
    mine = [address for address in CLIENTS if slot_of[address] == busy]
    others = [address for address in CLIENTS if slot_of[address] != busy]
    door = gate()
    held = connect_from(mine[0], server).send(get(door.url()))
    door.wait_for_request()

    waiting = [connect_from(mine[turn % len(mine)], server).send(get()) for turn in range(40)]
    assert {ask_from(address, server).slot for address in others * 3} == {1 - busy}
    door.open()

    assert answer(held.read_response().body).slot == busy
    assert {answer(wire.read_response().body).slot for wire in waiting} == {busy}


def test_client_of_a_stopped_worker_is_served_by_another_until_it_goes_on(start: Start) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=2)
    slot_of = homes(server)
    client = CLIENTS[0]
    home = server.worker_in(slot_of[client])

    os.kill(home, signal.SIGSTOP)
    try:
        assert ask_from(client, server).slot == 1 - slot_of[client]
    finally:
        os.kill(home, signal.SIGCONT)

    wait_until(lambda: ask_from(client, server).slot == slot_of[client])


def test_client_of_a_killed_worker_is_served_and_comes_back_to_its_slot(start: Start) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=2)
    slot_of = homes(server)

    os.kill(server.worker_in(slot_of[CLIENTS[0]]), signal.SIGKILL)

    assert ask_from(CLIENTS[0], server).slot in (0, 1)
    wait_until(lambda: homes(server) == slot_of)


def test_every_thread_of_the_worker_serves_its_clients(
    start: Start, gate: MakeGate, connect_from: ConnectFrom
) -> None:
    server = start("process:app", "--dispatch", "ip-hash", "--threads", "2", workers=2)
    door = gate()
    held = connect_from(CLIENTS[0], server).send(get(door.url()))
    home = server.worker_at(door)

    assert {ask_from(CLIENTS[0], server).pid for _ in range(4)} == {home}

    door.open()
    assert answer(held.read_response().body).pid == home


def test_unknown_policy_is_an_error_that_names_the_others(start: Start) -> None:
    server = start("process:app", "--dispatch", "random", is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "auto, ip-hash, least-loaded, round-robin or shared" in server.log


# --- shared: workers accept for themselves


def test_shared_workers_serve_new_and_kept_connections(start: Start, connect: Connect) -> None:
    server = start("process:app", "--dispatch", "shared", workers=2)
    kept = [connect(server) for _ in range(8)]

    for _ in range(3):
        assert [answer(wire.send(get()).read_response().body).slot in (0, 1) for wire in kept]
        assert server.who().slot in (0, 1)


def test_shared_worker_that_is_busy_leaves_new_connections_to_the_others(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--dispatch", "shared", "--timeout", "0", workers=2)
    door = gate()
    held = connect(server).send(get(door.url()))
    busy = server.worker_at(door)

    assert {server.who().pid for _ in range(20)} == {*server.workers} - {busy}

    door.open()
    assert answer(held.read_response().body).pid == busy


def test_shared_worker_that_is_killed_is_replaced_and_the_others_go_on(
    start: Start, connect: Connect
) -> None:
    server = start("process:app", "--dispatch", "shared", workers=2)
    kept = connect(server).send(get())
    owner = answer(kept.read_response().body)

    server.replace(owner.slot)

    assert kept.is_ended()
    assert all(server.who().pid in server.workers for _ in range(20))


def test_shared_workers_serve_what_waits_before_they_stop(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--dispatch", "shared", "--timeout", "0", workers=1)
    door = gate()
    held = connect(server).send(get(door.url()))
    door.wait_for_request()
    waiting = [connect(server).send(get()) for _ in range(10)]

    server.process.terminate()
    server.wait_for_log("draining")
    door.open()

    assert [wire.read_response().status for wire in [held, *waiting]] == [200] * 11
    assert server.wait_for_end() == 0


def test_shared_worker_that_retires_loses_no_request(start: Start, load: StartLoad) -> None:
    server = start(
        "process:app", "--dispatch", "shared", "--max-requests", "200", "--threads", "2", workers=2
    )
    clients = load(server, on_new_connections)

    wait_until(lambda: server.log.count("takes over") >= 2)

    assert set(clients.stop()) == {"answered"}


def test_shared_worker_reads_a_refused_request_to_its_end(start: Start, connect: Connect) -> None:
    server = start("process:app", "--dispatch", "shared", "--max-requests", "0", workers=1)
    body = b"x" * 200_000

    wire = connect(server).send(get(f"/{'a' * 9000}"), body[:30_000])

    assert wire.read_response().status == 414
    assert wire.read_to_end() == b""


def test_request_that_never_ends_is_answered_by_the_death_of_its_shared_worker(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--dispatch", "shared", "--timeout", "0.3", workers=1)
    wire = connect(server).send(get(gate().url("/spin")))

    assert wire.is_ended()
    assert server.who().slot == 0


def test_quiet_connection_of_a_shared_worker_ends_with_its_time(
    start: Start, connect: Connect
) -> None:
    server = start("process:app", "--dispatch", "shared", "--keep-alive", "0.2", workers=1)
    kept = connect(server).send(get())

    assert kept.read_response().status == 200
    assert kept.is_ended()

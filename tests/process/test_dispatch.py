"""Who gets the next connection: by turns, the least loaded, or always the same for the same client."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from fix_cluster import Answer, Cluster, Gate, Start, answer
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
        wires.append(Wire(socket.create_connection(where, timeout=10, source_address=(address, 0))))
        return wires[-1]

    yield begin
    for wire in wires:
        wire.close()


def ask_from(address: str, server: Cluster) -> Answer:
    """Return which worker answers the client at *address*."""
    where = ("127.0.0.1", server.port)
    wire = Wire(socket.create_connection(where, timeout=10, source_address=(address, 0)))
    try:
        return answer(wire.send(get("/", "Connection: close")).read_response().body)
    finally:
        wire.close()


def homes(server: Cluster) -> dict[str, int]:
    """Return the slot that each client is served by."""
    return {address: ask_from(address, server).slot for address in CLIENTS}


@pytest.mark.parametrize("policy", ["auto", "round-robin", "least-loaded"])
def test_sequential_connections_go_by_turns(policy: str, start: Start) -> None:
    server = start("process:app", "--dispatch", policy, workers=3)

    assert [server.who().slot for _ in range(9)] == [0, 1, 2] * 3


def test_loaded_worker_gets_nothing_while_others_have_less(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--dispatch", "least-loaded", "--timeout", "0", workers=3)
    door = gate()
    held = connect(server).send(get(door.url()))
    loaded = server.worker_at(door)

    seen = [server.who().pid for _ in range(8)]

    assert {*seen} == {*server.workers} - {loaded}
    assert seen.count(seen[0]) == 4
    door.open()
    assert answer(held.read_response().body).pid == loaded


def test_a_client_is_served_by_the_same_worker_each_time(start: Start) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=3)

    first = homes(server)

    assert set(first.values()) == {0, 1, 2}
    assert [homes(server) for _ in range(3)] == [first] * 3


def test_kept_connection_stays_with_its_worker_when_it_comes_back(
    start: Start, connect_from: ConnectFrom
) -> None:
    server = start("process:app", "--dispatch", "ip-hash", workers=3)
    wires = {address: connect_from(address, server) for address in CLIENTS}

    first = {a: answer(w.send(get()).read_response().body).slot for a, w in wires.items()}
    server.wait_for_rest()  # by then the workers have given them back
    again = {a: answer(w.send(get()).read_response().body).slot for a, w in wires.items()}

    assert again == first == homes(server)


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
    assert "auto, ip-hash, least-loaded or round-robin" in server.log

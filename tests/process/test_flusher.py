"""Slow readers: an answer that the socket doesn't take goes out beside what the application runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start
from fix_fds import open_fds
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

MakeGate = Callable[[], Gate]
StartLarge = Callable[..., Cluster]

SIZE = 900_000
"""More than a unix socket takes, and less than a connection may have waiting."""

LARGE = f"""
import os, process

BODY = bytes(range(250)) * ({SIZE} // 250)

def app(environ, start_response):
    if environ["PATH_INFO"] != "/large":
        return process.app(environ, start_response)
    start_response("200 OK", [("Content-Length", str(len(BODY)))])
    return [BODY]
"""
BODY = bytes(range(250)) * (SIZE // 250)


@pytest.fixture
def large(start: Start, tmp_path: Path) -> StartLarge:
    """Start an application with a large answer, on a unix socket."""
    apps = Path(__file__).parents[1] / "apps"
    (tmp_path / "process.py").write_text((apps / "process.py").read_text())
    (tmp_path / "large.py").write_text(LARGE)

    def begin(*options: str) -> Cluster:
        socket = f"unix:{tmp_path / 'socket'}"
        return start("large:app", "-b", socket, *options, workers=1, cwd=tmp_path)

    return begin


def threads_of(server: Cluster) -> int:
    """Return how many threads the worker has."""
    return len(os.listdir(f"/proc/{server.worker_in(0)}/task"))


def sockets_of(server: Cluster) -> int:
    """Return how many sockets the worker has open."""
    return sum(what.startswith("socket:") for what in open_fds(server.worker_in(0)).values())


def ask_slowly(server: Cluster, connect: Connect) -> Wire:
    """Return a connection whose answer waits for us to read."""
    wire = connect(server).send(get("/large"))
    wait_until(lambda: threads_of(server) == 2)
    server.wait_for_rest()
    return wire


def test_slow_reader_goes_on_reading_while_the_application_is_busy(
    large: StartLarge, connect: Connect, gate: MakeGate
) -> None:
    server = large("--timeout", "0")
    slow = ask_slowly(server, connect)
    door = gate()
    busy = connect(server).send(get(door.url()))
    door.wait_for_request()

    assert slow.read_response().body == BODY

    door.open()
    assert busy.read_response().status == 200


def test_answers_to_many_slow_readers_are_whole(large: StartLarge, connect: Connect) -> None:
    server = large()
    wires = [connect(server).send(get("/large")) for _ in range(100)]

    assert all(wire.read_response().body == BODY for wire in reversed(wires))
    assert threads_of(server) == 2

    assert all(wire.send(get()).read_response().status == 200 for wire in wires)


def test_next_request_of_a_slow_reader_waits_for_its_answer(
    large: StartLarge, connect: Connect
) -> None:
    server = large()
    wire = connect(server).send(get("/large"), get("/large"), get())

    assert wire.read_response().body == BODY
    assert wire.read_response().body == BODY
    assert wire.read_response().body.startswith(b"0 ")


def test_hello_needs_no_second_thread(large: StartLarge) -> None:
    server = large()

    server.ask()

    assert threads_of(server) == 1


def test_reader_that_stalls_is_cut(large: StartLarge, connect: Connect) -> None:
    server = large("--write-timeout", "0.3")
    before = sockets_of(server)
    slow = connect(server).send(get("/large"))
    wait_until(lambda: sockets_of(server) > before)

    wait_until(lambda: sockets_of(server) == before)

    assert len(slow.read_to_end()) < SIZE


def test_slow_reader_of_a_killed_worker_is_cut(large: StartLarge, connect: Connect) -> None:
    server = large()
    slow = ask_slowly(server, connect)

    server.replace(0)

    assert len(slow.read_to_end()) < SIZE


def test_server_that_stops_waits_for_slow_readers(large: StartLarge, connect: Connect) -> None:
    server = large()
    slow = ask_slowly(server, connect)

    server.process.terminate()
    server.wait_for_log("draining")

    assert slow.read_response().body == BODY
    assert server.wait_for_end() == 0


def test_child_that_the_application_forks_sends_nothing_for_slow_readers(
    large: StartLarge, connect: Connect
) -> None:
    server = large()
    slow = ask_slowly(server, connect)

    assert connect(server).send(get("/child_that_returns")).read_response().status == 200
    assert connect(server).send(get("/child_that_exits")).read_response().status == 200

    assert slow.read_response().body == BODY

"""Handlers without HTTP: asyncio streams, asyncio protocols, and sockets in threads."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from fix_processes import is_asleep, wait_until
from fix_server import Serve, Server
from fix_wire import Connect, Wire

ROOT = str(Path(__file__).parents[2])
KINDS = {"stream": "raw:stream", "protocol": "raw:Protocol", "socket": "raw:blocking"}


@pytest.fixture(scope="module", params=list(KINDS.values()), ids=list(KINDS))
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give a server of each kind."""
    return shared(request.param, *threads(request.param))


def threads(app: str) -> list[str]:
    """Return the options for connections beside each other."""
    return ["--threads", "4"] if app == KINDS["socket"] else []


def greeted(wire: Wire) -> int:
    """Return the slot that the server's first words name; the client has said nothing."""
    found = re.fullmatch(rb"hello from (\d)\n", wire.read_until(b"\n"))
    assert found
    return int(found[1])


def test_server_speaks_first_and_answers(server: Server, connect: Connect) -> None:
    wire = connect(server)
    greeted(wire)

    for line in (b"one\n", b"two\n", b"three\n"):
        assert wire.send(line).read_until(b"\n") == line.upper()


def test_client_that_ends_is_said_goodbye(server: Server, connect: Connect) -> None:
    wire = connect(server)
    greeted(wire)

    assert wire.send(b"last\n").end().read_to_end() == b"LAST\nbye\n"


def test_much_goes_both_ways(server: Server, connect: Connect) -> None:
    wire = connect(server)
    greeted(wire)
    line = b"x" * 60_000 + b"\n"

    for _ in range(50):
        assert wire.send(line).read_until(b"\n") == line.upper()


def test_peer_is_known(server: Server, connect: Connect) -> None:
    wire = connect(server)
    greeted(wire)
    host, port = wire.sock.getsockname()

    assert wire.send(b"peer\n").read_until(b"\n") == f"{host} {port}\n".encode()


def test_failure_is_logged_and_ends_the_connection(server: Server, connect: Connect) -> None:
    wire = connect(server)
    greeted(wire)

    assert wire.send(b"fail\n").is_ended()

    server.wait_for_log("LookupError: a failure of the handler")
    greeted(connect(server))


def test_several_clients_are_served_beside_each_other(server: Server, connect: Connect) -> None:
    wires = [connect(server) for _ in range(4)]

    for wire in wires:
        greeted(wire)
    for wire in reversed(wires):
        assert wire.send(b"x\n").read_until(b"\n") == b"X\n"


def test_clients_that_vanish_leave_nothing(server: Server, connect: Connect) -> None:
    for _ in range(10):
        wire = connect(server)
        greeted(wire)
        wire.close()

    greeted(connect(server))


@pytest.mark.parametrize("app", KINDS.values(), ids=list(KINDS))
def test_connections_reach_all_workers_and_end_with_the_server(
    serve: Serve, connect: Connect, app: str
) -> None:
    server = serve(app, *threads(app), workers=2)
    wires: list[Wire] = []
    slots: set[int] = set()
    while slots != {0, 1}:
        # A worker that is busy may be passed over for some time; where all threads are taken, it can't be.
        assert len(wires) < (7 if app == KINDS["socket"] else 200)
        wires.append(connect(server))
        slots.add(greeted(wires[-1]))
    if app != KINDS["socket"]:  # who blocks hears nothing of it
        server.process.send_signal(signal.SIGTERM)
        assert [wire.read_to_end() for wire in wires] == [b"bye\n"] * len(wires)
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("app", KINDS.values(), ids=list(KINDS))
def test_connection_ends_with_its_worker(serve: Serve, connect: Connect, app: str) -> None:
    server = serve(app, *threads(app))
    wire = connect(server)
    greeted(wire)
    (worker,) = [pid for pid in server.workers if is_worker(pid)]
    wire.send(b"half a line")

    os.kill(worker, signal.SIGKILL)

    assert wire.read_to_end() == b""
    greeted(connect(server))


def is_worker(pid: int) -> bool:
    """Is it a worker, and not what workers are forked from?"""
    return "worker" in Path(f"/proc/{pid}/comm").read_text()


def test_silent_client_is_not_timed_out(serve: Serve, connect: Connect) -> None:
    server = serve("raw:blocking", "--timeout", "0.2", "--threads", "2")
    wire = connect(server)
    greeted(wire)
    other = connect(server)
    greeted(other)
    wire.sock.settimeout(0.6)
    with pytest.raises(TimeoutError):
        wire.sock.recv(1)

    wire.sock.settimeout(20)
    assert wire.send(b"x\n").read_until(b"\n") == b"X\n"


def test_slow_client_holds_the_handler_up(serve: Serve, connect: Connect) -> None:
    server = serve("raw:pump")
    (worker,) = [pid for pid in server.workers if is_worker(pid)]
    before = resident(worker)
    wire = connect(server)
    wire.read(10_000_000)

    wait_until(lambda: is_asleep(worker))
    assert resident(worker) - before < 5_000_000
    wire.close()


def resident(pid: int) -> int:
    """Return the octets of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_examples_do_what_they_say(serve: Serve, connect: Connect) -> None:
    lines = connect(serve("examples.lines:serve", "--chdir", ROOT))
    assert lines.read_until(b"\n") == b"worker 0 listens\n"
    assert lines.send(b"hello\n").read_until(b"\n") == b"HELLO\n"

    echo = connect(serve("examples.echo:Echo", "--chdir", ROOT))
    assert echo.send(b"hello").read(5) == b"hello"

    server = serve("examples.toy_redis:serve", "--chdir", ROOT, "--threads", "2", workers=2)
    incr = b"*2\r\n$4\r\nINCR\r\n$6\r\nvisits\r\n"
    assert connect(server).send(b"*1\r\n$4\r\nPING\r\n").read_until(b"\n") == b"+PONG\r\n"
    assert connect(server).send(incr).read_until(b"\n") == b":1\r\n"
    assert connect(server).send(incr).read_until(b"\n") == b":2\r\n"

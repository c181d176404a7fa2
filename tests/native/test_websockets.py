"""WebSockets through a real server, frame by frame: what is wrong, how each ends, what is left of it."""

from __future__ import annotations

import json
import select
import struct
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest

from fix_cluster import resident
from fix_fds import open_fds
from fix_frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, close_code, frame, frames_of
from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, Response, Wire, get

APP = "asgi_sockets:app"
ASKING = ("Upgrade: websocket", "Connection: Upgrade")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"

MEGABYTE = 1 << 20
BLOCKED_AFTER = 0.5
"""Seconds in which a server that reads would have read."""

UTF_8 = "ë🚲".encode()


@pytest.fixture
def server(shared: Serve) -> Server:
    """Give one for the whole run."""
    return shared(APP)


def ask(wire: Wire, path: str, *fields: str) -> Response:
    """Ask for a WebSocket; return the answer."""
    return wire.send(get(path, *ASKING, *fields)).read_response()


def opened(wire: Wire, path: str = "/echo") -> Wire:
    """Return *wire* as a WebSocket."""
    assert ask(wire, path, KEY, VERSION).status == 101
    return wire


def status(server: Server, path: str = "/") -> dict[str, Any]:
    """Return how the application says that it stands."""
    wire = Wire(server.connect())
    try:
        found: dict[str, Any] = json.loads(wire.send(get(path)).read_response().body)
    finally:
        wire.close()
    return found


def end_of(wire: Wire, server: Server) -> Callable[[], list[int] | None]:
    """Return what tells the code and the octets of a WebSocket when the application has seen its end."""
    port = str(wire.sock.getsockname()[1])
    return lambda: status(server)["ended"].get(port)


def rest_of(wire: Wire) -> tuple[list[tuple[int, bytes]], int]:
    """Return the frames up to the server's end of the connection, and the code of the close among them."""
    *frames, (opcode, payload) = frames_of(wire.read_to_end())
    assert opcode == CLOSE
    return frames, close_code(payload)


def reset(wire: Wire) -> None:
    """End the connection as a process does that is killed with octets unread."""
    wire.sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def flood(wire: Wire, octets: bytes, *, most: int) -> int:
    """Send *octets* again and again until the server takes no more; return how many it took."""
    wire.sock.setblocking(False)
    sent = 0
    while sent < most and select.select([], [wire.sock], [], BLOCKED_AFTER)[1]:
        sent += wire.sock.send(octets[sent % len(octets) :])
    wire.sock.settimeout(20)
    return sent


@pytest.mark.parametrize(
    ("path", "octets"),
    [
        ("/deaf", frame(BINARY, bytes(60_000))),
        ("/deaf", frame(TEXT) * 10_000),
        ("/echo", frame(PING, bytes(100)) * 500),
        ("/echo", frame(BINARY, bytes(60_000))),
    ],
    ids=["messages", "empty messages", "pings whose pongs nobody reads", "echoes nobody reads"],
)
def test_flood_waits_outside_and_others_are_served(
    server: Server, connect: Connect, path: str, octets: bytes
) -> None:
    status(server, "/sleep")
    (worker,) = server.workers
    before = resident(worker)
    wire = opened(connect(server), path)
    end = end_of(wire, server)

    sent = flood(wire, octets, most=64 * MEGABYTE)

    assert sent < 32 * MEGABYTE
    assert resident(worker) - before < 12 * MEGABYTE
    assert status(server, "/wake")
    reset(wire)
    assert wait_until(end)


def test_what_waited_is_read_when_the_application_does(server: Server, connect: Connect) -> None:
    status(server, "/sleep")
    octets = frame(BINARY, bytes(60_000))
    wire = opened(connect(server), "/deaf")
    sent = flood(wire, octets, most=64 * MEGABYTE)

    status(server, "/wake")

    wire.send(octets[sent % len(octets) :], close(1000))
    assert rest_of(wire) == ([], 1000)
    frames = sent // len(octets) + 1
    assert wait_until(end_of(wire, server)) == [1000, frames * 60_000]


def test_client_that_never_pongs_is_given_up(serve: Serve, connect: Connect) -> None:
    server = serve(APP, "--ws-ping-interval", "0.2", "--ws-ping-timeout", "0.2")
    wire = opened(connect(server))

    assert rest_of(wire) == ([(PING, b"")], 1011)
    assert wait_until(end_of(wire, server)) == [1011, 0]


def test_frame_that_announces_a_gigabyte_is_refused_at_once(
    server: Server, connect: Connect
) -> None:
    (worker,) = server.workers
    wire = opened(connect(server))
    before = resident(worker)

    wire.send(frame(BINARY, length=1 << 30))

    assert rest_of(wire) == ([], 1009)
    assert resident(worker) - before < MEGABYTE
    assert wait_until(end_of(wire, server)) == [1009, 0]


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (Wire.close, 1006),
        (reset, 1006),
        (lambda wire: wire.send(frame(TEXT, b"half")[:-1]).close(), 1006),
        (lambda wire: wire.send(frame(CLOSE)).close(), 1005),
        (lambda wire: wire.send(close(4321)).close(), 4321),
    ],
    ids=["no word", "reset", "in a frame", "close without a code", "close with a code"],
)
def test_application_is_told_how_the_client_went(
    server: Server, connect: Connect, leave: Callable[[Wire], None], code: int
) -> None:
    wire = opened(connect(server))
    end = end_of(wire, server)

    leave(wire)

    assert wait_until(end) == [code, 0]


def test_fragments_are_one_message_with_pings_between(server: Server, connect: Connect) -> None:
    wire = opened(connect(server))

    wire.send(frame(TEXT, fin=False))
    for octet in UTF_8:  # no character is in one piece
        wire.send(frame(CONT, bytes([octet]), fin=False), frame(PING))
        assert frames_of(wire.read(2)) == [(PONG, b"")]
    wire.send(frame(CONT))

    assert frames_of(wire.read(2 + len(UTF_8))) == [(TEXT, UTF_8)]


WRONG = {
    "text that is no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "fragment that is no UTF-8": (frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"("), 1007),
    "reserved bit": (frame(TEXT, b"x", rsv=1), 1002),
    "reserved opcode": (frame(3, b"x"), 1002),
    "no mask": (frame(TEXT, b"x", is_masked=False), 1002),
    "fragment of nothing": (frame(CONT, b"x"), 1002),
    "long ping": (frame(PING, bytes(126)), 1002),
    "code nobody may send": (close(1006), 1002),
    "gigabyte": (frame(BINARY, length=1 << 30), 1009),
}


@pytest.mark.parametrize(("octets", "code"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_ends_with_its_code(
    server: Server, connect: Connect, octets: bytes, code: int
) -> None:
    wire = opened(connect(server)).send(frame(TEXT, b"fine"))
    assert frames_of(wire.read(6)) == [(TEXT, b"fine")]

    wire.send(octets)

    assert rest_of(wire) == ([], code)
    assert wait_until(end_of(wire, server)) == [code, 4]


REFUSED = {
    "by close": ("/refuse", (KEY, VERSION), 403),
    "by an answer": ("/answer", (KEY, VERSION), 401),
    "no version": ("/echo", (KEY,), 426),
    "old version": ("/echo", (KEY, "Sec-WebSocket-Version: 8"), 426),
    "no key": ("/echo", (VERSION,), 400),
    "short key": ("/echo", ("Sec-WebSocket-Key: c2hvcnQ=", VERSION), 400),
    "malformed extension": ("/echo", (KEY, VERSION, "Sec-WebSocket-Extensions: ="), 400),
}


@pytest.mark.parametrize(("path", "fields", "code"), REFUSED.values(), ids=REFUSED)
def test_refusal_is_an_ordinary_answer(
    server: Server, connect: Connect, path: str, fields: tuple[str, ...], code: int
) -> None:
    wire = connect(server)

    answer = ask(wire, path, *fields)

    assert answer.status == code
    assert answer.body == b"no entry" or path != "/answer"
    assert answer.all("Sec-WebSocket-Version") == (["13"] if code == 426 else [])
    assert wire.send(get()).read_response().status == 200


def test_a_client_that_expects_100_is_told_so_before_101(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/echo", *ASKING, KEY, VERSION, "Expect: 100-continue"))

    assert [wire.read_head().status, wire.read_head().status] == [100, 101]
    assert rest_of(wire.send(close(1000))) == ([], 1000)


def end_in_each_way(server: Server) -> int:
    """Open a WebSocket for each way to end, and end it so; return how many that were."""
    wires = []
    for path, fields, code in REFUSED.values():
        wires.append(Wire(server.connect()))
        assert ask(wires[-1], path, *fields).status == code
    for octets, code in [*WRONG.values(), (close(1000), 1000)]:
        wires.append(opened(Wire(server.connect())))
        assert rest_of(wires[-1].send(octets)) == ([], code)
    for leave in (Wire.close, reset):
        for path in ("/echo", "/deaf"):
            wires.append(opened(Wire(server.connect()), path).send(frame(TEXT, b"left behind")))
            leave(wires[-1])
    for wire in wires:
        wire.close()
    return len(wires)


@pytest.mark.weighs
def test_nothing_is_left_of_two_hundred_that_ended_in_each_way(serve: Serve) -> None:
    server = serve(APP)
    (worker,) = server.workers
    status(server, "/wake")
    for _ in range(3):  # what is made once
        end_in_each_way(server)
    wait_until(lambda: status(server)["tasks"] == 2)
    before, fds = resident(worker), len(open_fds(worker))

    ended = 0
    while ended < 200:
        ended += end_in_each_way(server)

    wait_until(lambda: status(server)["tasks"] == 2)
    wait_until(lambda: len(open_fds(worker)) <= fds)
    assert resident(worker) - before < MEGABYTE

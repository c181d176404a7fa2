"""How long a client may keep the server waiting, and how much it may ask of one connection."""

from __future__ import annotations

import select
import socket
import time

import pytest

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, Wire, get

TIMES = ["--body-timeout", "0.3", "--write-timeout", "0.3"]
# wait_until looks 200 times a second at most: what moves an octet each time is below --min-rate.


@pytest.fixture(scope="module")
def impatient(shared: Serve) -> Server:
    """Give a server that forgives pauses of 0.3 s."""
    return shared("patience:app", *TIMES)


def drips(wire: Wire) -> bool:
    """Send an octet; False when the server has said something."""
    if select.select([wire.sock], [], [], 0)[0]:
        return False
    wire.sock.send(b"x")
    return True


def is_cut(wire: Wire) -> bool:
    """Has the server ended the connection both ways? Reads nothing."""
    poll = select.poll()
    poll.register(wire.sock, 0)
    return bool(poll.poll(0))


def read_slowly(wire: Wire, n: int, *, rounds: int) -> int:
    """Read *n* octets at a time, pausing between; return how many came."""
    total = 0
    left = rounds

    def step() -> bool:
        nonlocal total, left
        total += len(wire.read(n))
        left -= 1
        return left == 0

    wait_until(step, within=30)
    return total


@pytest.mark.parametrize(
    "options",
    [(), ("--body-buffer", "0"), ("--body-buffer", "0", "--max-spool", "0")],
    ids=["memory", "file", "streamed"],
)
def test_a_body_that_drips_is_answered_408(
    shared: Serve, connect: Connect, options: tuple[str, ...]
) -> None:
    server = shared("patience:app", *TIMES, *options)
    wire = connect(server).send(get("/", "Content-Length: 1000000", method="POST"))

    wait_until(lambda: not drips(wire))

    assert wire.read_response().status == 408


def test_a_body_that_drips_in_chunks_is_answered_408(impatient: Server, connect: Connect) -> None:
    wire = connect(impatient).send(get("/", "Transfer-Encoding: chunked", method="POST"))
    wire.send(b"FFFFF\r\n")

    wait_until(lambda: not drips(wire))

    assert wire.read_response().status == 408


def test_a_body_that_comes_steadily_may_take_longer_than_the_time_out(
    impatient: Server, connect: Connect
) -> None:
    wire = connect(impatient).send(get("/", "Content-Length: 30000", method="POST"))
    sent = 0

    def step() -> bool:
        nonlocal sent
        wire.send(b"x" * 100)
        sent += 100
        return sent == 30_000

    wait_until(step)

    assert wire.read_response().status == 200


def test_a_client_that_does_not_read_is_cut(impatient: Server, connect: Connect) -> None:
    wire = connect(impatient)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    wire.send(get("/?400000") * 20)

    wait_until(lambda: is_cut(wire))


@pytest.mark.slow
def test_a_client_that_stops_reading_is_cut_when_the_time_out_says(
    shared: Serve, connect: Connect
) -> None:
    wire = connect(shared("patience:app", "--write-timeout", "2"))
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.send(get("/?400000") * 20)  # more than the kernel takes
    began = time.monotonic()

    wait_until(lambda: is_cut(wire))

    assert 1.5 < time.monotonic() - began < 3.5  # what its side took at first counts for then only


def test_a_client_that_reads_drop_by_drop_is_cut(impatient: Server, connect: Connect) -> None:
    wire = connect(impatient)
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    wire.send(get("/?400000") * 20)

    wait_until(lambda: wire.sock.recv(1) and is_cut(wire))


def test_a_client_that_reads_steadily_gets_everything(shared: Serve, connect: Connect) -> None:
    wire = connect(shared("patience:app", "--write-timeout", "2"))
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    size = 3_000_000

    wire.send(get(f"/?{size}"))
    wire.read_head()
    got = read_slowly(wire, 4096, rounds=500)  # 2.5 s, at least

    assert len(wire.read(size - got)) == size - got
    assert wire.send(get()).read_response().status == 200


def test_a_connection_ends_with_its_last_request(serve: Serve, connect: Connect) -> None:
    server = serve("patience:app", "--limit-requests-per-connection", "3")
    apart, at_once = connect(server), connect(server).send(get() * 5)

    ends = [apart.send(get()).read_response().all("Connection") for _ in range(3)]

    assert ends == [[], [], ["close"]]
    assert apart.is_ended()
    assert [at_once.read_response().all("Connection") for _ in range(3)] == ends
    assert at_once.is_ended()


def test_a_tls_client_is_answered_400_at_once(impatient: Server, connect: Connect) -> None:
    hello = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(range(32))

    wire = connect(impatient).send(hello)

    assert wire.read_response().status == 400
    assert wire.is_ended()

"""Hundreds of clients that are slow on purpose, and thousands that only come and go."""

from __future__ import annotations

import resource
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest

from fix_cluster import Cluster, Start, resident
from fix_processes import wait_until
from fix_wire import Wire, get

TIMES = ["--head-timeout", "2", "--body-timeout", "2", "--write-timeout", "2", "--keep-alive", "2"]
MEMORY_MAX = 768 << 20  # of master and workers, while a thousand of each kind are there
ANSWER = 300_000


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Let the clients have as many sockets as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Herd:
    """Clients that begin alike, then move one octet now and then, as long as the server lets them."""

    def __init__(self, server: Cluster, n: int, begin: bytes, *, drip: bytes) -> None:
        self._drip = drip
        self._sockets = []
        for _ in range(n):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(begin)
            self._sockets.append(sock)

    def step(self) -> int:
        """Let each of them go on; return how many are left."""
        left = []
        for sock in self._sockets:
            if self._is_ended(sock):
                sock.close()
            else:
                left.append(sock)
        self._sockets = left
        return len(left)

    def close(self) -> None:
        """Let them all go."""
        for sock in self._sockets:
            sock.close()

    def _is_ended(self, sock: socket.socket) -> bool:
        poll = select.poll()
        # Who drips hears of its end; who does not read is told by a reset only.
        poll.register(sock, select.POLLIN if self._drip else 0)
        if poll.poll(0):
            return True
        try:
            sock.send(self._drip)
        except OSError:
            return True
        return False


def memory_of(server: Cluster) -> int:
    """Return the resident octets of master and workers."""
    return sum(resident(pid) for pid in (server.pid, *server.workers))


def slow_clients_come_and_go(server: Cluster, n: int) -> None:
    """Let *n* clients of each kind try to hold the server; check that it minds none of them."""
    before = server.master_fds()
    body = get("/", "Content-Length: 1000000", method="POST")
    herds = [
        Herd(server, n, b"GET / HTTP/1.1\r\nX-Slow: ", drip=b"x"),
        Herd(server, n, body, drip=b"x"),
        Herd(server, n, get(f"/?{ANSWER}") * 10, drip=b""),
    ]
    peak = answers = 0

    def are_gone() -> bool:
        nonlocal peak, answers
        assert server.ask() == b"xx"
        answers += 1
        peak = max(peak, memory_of(server))
        return sum(herd.step() for herd in herds) == 0

    try:
        wait_until(are_gone, within=30)
    finally:
        for herd in herds:
            herd.close()

    assert answers > 10
    assert peak < MEMORY_MAX
    wait_until(lambda: server.master_fds() == before)


@pytest.mark.slow
def test_hundreds_of_slow_clients_of_each_kind_hold_nobody_up_and_end_in_time(
    start: Start,
) -> None:
    slow_clients_come_and_go(start("patience:app", *TIMES), 300)


@pytest.mark.long
def test_a_thousand_slow_clients_of_each_kind_hold_nobody_up_and_end_in_time(
    start: Start,
) -> None:
    slow_clients_come_and_go(start("patience:app", *TIMES), 1000)


def they_come_and_go(server: Cluster, n: int) -> None:
    """Connect *n* times and leave at once, by turns with a reset, an end, and half a request."""
    before = server.master_fds()
    for number in range(n):
        sock = server.connect()
        if number % 3 == 2:
            sock.sendall(b"GET / HT")
        if number % 10:  # few of the others: each would keep a port of ours for a minute
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    assert server.ask() == b"xx"
    wait_until(lambda: server.master_fds() == before)


def test_connections_that_come_and_go_leave_nothing_behind(start: Start) -> None:
    they_come_and_go(start("patience:app"), 1000)


@pytest.mark.long
def test_a_hundred_thousand_connections_that_come_and_go_leave_nothing_behind(
    start: Start,
) -> None:
    they_come_and_go(start("patience:app"), 100_000)


def test_clients_that_never_close_after_their_last_answer_are_let_go(start: Start) -> None:
    server = start("patience:app")
    before = server.master_fds()

    wires = [Wire(server.connect()).send(get("/", "Connection: close")) for _ in range(50)]

    assert [wire.read_response().status for wire in wires] == [200] * 50
    assert server.ask() == b"xx"
    wait_until(lambda: server.master_fds() == before)
    for wire in wires:
        wire.close()


def test_noise_is_refused_and_leaves_nothing(start: Start) -> None:
    server = start("patience:app")
    before = server.master_fds()
    random = Random(7)

    for _ in range(200):
        wire = Wire(server.connect())
        with suppress(OSError):  # it has heard enough
            wire.send(random.randbytes(random.randrange(1, 2000)), b"\r\n").end()
            assert wire.read_to_end()[:12] in (b"", b"HTTP/1.1 400")
        wire.close()

    assert server.ask() == b"xx"
    wait_until(lambda: server.master_fds() == before)

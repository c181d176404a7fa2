"""The job portal with MongoDB. Debian has no server of it, so a stand-in answers `hello` and `ping`.

What can be shown with it: each worker connects for itself, after its fork, with its share of connections.
What a real one would be asked for jobs is not tested here.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bson
import psutil
import pytest

from fix_cluster import Cluster, Start
from fix_portal import Visitor
from fix_processes import wait_until
from fix_services import Redis

ROOT = Path(__file__).parents[2]

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ok": 1.0,
    "helloOk": True,
    "isWritablePrimary": True,
    "ismaster": True,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
}

pytestmark = pytest.mark.slow


class Mongo:
    """Speaks the wire protocol of MongoDB: hello, ping when it may, and "ok" to all else."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.may_ping = threading.Event()
        self.pingers: set[int] = set()
        """The ports of the clients that have ever sent a ping."""
        self.held = 0
        """Pings that wait for their answer."""
        self._lock = threading.Lock()
        self._socks: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Let everybody go."""
        self.may_ping.set()
        for sock in (self._listener, *self._socks):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is gone already
                pass
            sock.close()

    def _accept(self) -> None:
        try:
            while True:
                sock, (_, port) = self._listener.accept()
                self._socks.append(sock)
                threading.Thread(target=self._serve, args=(sock, port), daemon=True).start()
        except OSError:
            pass  # closed

    def _serve(self, sock: socket.socket, port: int) -> None:
        try:
            while True:
                length, number, _, kind = struct.unpack("<iiii", _read(sock, 16))
                asked = _command(kind, _read(sock, length - 16))
                answer = bson.encode(self._answer(asked, port))
                if kind == OP_QUERY:
                    body = struct.pack("<iqii", 8, 0, 0, 1) + answer
                    kind = OP_REPLY
                else:
                    body = struct.pack("<ib", 0, 0) + answer
                sock.sendall(struct.pack("<iiii", len(body) + 16, 0, number, kind) + body)
        except (OSError, EOFError):
            pass  # it hung up

    def _answer(self, asked: dict[str, Any], port: int) -> dict[str, Any]:
        command = next(iter(asked))
        if command.lower() in ("hello", "ismaster"):
            return HELLO
        if command == "ping":
            with self._lock:
                self.pingers.add(port)
                self.held += 1
            self.may_ping.wait(20)
            with self._lock:
                self.held -= 1
        return {"ok": 1.0}


def _read(sock: socket.socket, n: int) -> bytes:
    octets = b""
    while len(octets) < n:
        part = sock.recv(n - len(octets))
        if not part:
            raise EOFError
        octets += part
    return octets


def _command(kind: int, body: bytes) -> dict[str, Any]:
    at = body.index(0, 4) + 9 if kind == OP_QUERY else 5
    (length,) = struct.unpack_from("<i", body, at)
    return bson.decode(body[at : at + length])


@pytest.fixture
def mongo() -> Iterator[Mongo]:
    """Give the stand-in."""
    server = Mongo()
    yield server
    server.close()


@pytest.fixture
def portal(start: Start, mongo: Mongo, redis: Redis) -> Cluster:
    """Give a portal of two workers with four threads each, which may have four connections together."""
    env = {
        "PORTAL_DATABASE": f"mongodb://127.0.0.1:{mongo.port}/portal",
        "PORTAL_REDIS": redis.url,
        "PORTAL_CONNECTIONS": "4",
        "PORTAL_SAMPLES": "no",
    }
    options = ("-w", "2", "--threads", "4", "-b", "127.0.0.1:0")
    return start("examples.job_portal.app:app", *options, cwd=ROOT, env=env)


def owners(mongo: Mongo, pids: list[int]) -> dict[int, set[int]]:
    """Return which of *pids* have the client's end of each connection that has pinged, by port."""
    found: dict[int, set[int]] = {port: set() for port in mongo.pingers}
    for pid in pids:
        for connection in psutil.Process(pid).net_connections("tcp"):
            if connection.raddr and connection.raddr.port == mongo.port:
                found.get(connection.laddr.port, set()).add(pid)
    return found


def test_each_worker_pings_by_its_own_connections_and_never_more_than_its_share(
    portal: Cluster, mongo: Mongo
) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(Visitor(portal.port).get, "/health") for _ in range(8)]
        wait_until(lambda: mongo.held == 4)
        whose = owners(mongo, [portal.pid, *portal.workers])
        mongo.may_ping.set()
        assert [one.result().status for one in asked] == [200] * 8

    assert len(mongo.pingers) == 4  # also when all eight had to be answered
    pids = sorted(pid for pids in whose.values() for pid in pids)
    assert pids == sorted([portal.worker_in(0), portal.worker_in(1)] * 2)


def test_worker_that_is_killed_takes_only_its_own_connections_along(
    portal: Cluster, mongo: Mongo
) -> None:
    mongo.may_ping.set()
    other = portal.worker_in(1)
    visitor = Visitor(portal.port)
    wait_until(lambda: [visitor.get("/health"), len(mongo.pingers) >= 2][1])
    kept = {port for port, pids in owners(mongo, [other]).items() if pids == {other}}

    portal.replace(0)

    assert [visitor.get("/health").status for _ in range(4)] == [200] * 4
    still = {port for port, pids in owners(mongo, [other]).items() if pids == {other}}
    assert kept
    assert kept <= still


def test_mongodb_without_redis_is_refused_with_what_to_do(start: Start) -> None:
    env = {"PORTAL_DATABASE": "mongodb://127.0.0.1:1/portal"}

    portal = start(
        "examples.job_portal.app:app", "-b", "127.0.0.1:0", cwd=ROOT, env=env, is_up=False
    )
    portal.exit_code = 3

    assert portal.wait_for_end() == 3
    assert "set PORTAL_REDIS=redis://HOST" in portal.log

"""Clients that ask without pause and count what becomes of their requests."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from fix_server import Server
from fix_wire import Wire, get, post

Asking = Callable[["Server", Wire | None], Wire | None]
"""One exchange on the connection that is left from the last one; returns what it leaves."""


def on_new_connections(server: Server, wire: Wire | None) -> None:
    """Ask on a connection that ends with the answer."""
    wire = Wire(server.connect())
    try:
        assert wire.send(get("/", "Connection: close")).read_response().status == 200
        assert wire.is_ended()
    finally:
        wire.close()


def on_kept_connections(server: Server, wire: Wire | None) -> Wire:
    """Ask on the same connection for as long as it lives."""
    wire = wire or Wire(server.connect())
    try:
        assert wire.send(get()).read_response().status == 200
    except BaseException:
        wire.close()
        raise
    return wire


def in_pipelines(server: Server, wire: Wire | None) -> Wire:
    """Send several requests at once."""
    wire = wire or Wire(server.connect())
    try:
        wire.send(get() + post(b"x" * 1000) + get())
        assert [wire.read_response().status for _ in range(3)] == [200] * 3
    except BaseException:
        wire.close()
        raise
    return wire


def in_small_pieces(server: Server, wire: Wire | None) -> None:
    """Send a request octet by octet."""
    wire = Wire(server.connect())
    try:
        request = get("/", "Connection: close")
        wire.send(*(request[i : i + 1] for i in range(len(request))))
        assert wire.read_response().status == 200
    finally:
        wire.close()


def and_go_away(server: Server, wire: Wire | None) -> None:
    """Reset the connection at a bad moment."""
    sock = server.connect()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(get()[: random.choice([0, 10, 1000])])
    finally:
        sock.close()


class Load:
    """Threads that ask until they are stopped."""

    def __init__(self, server: Server, *askings: Asking) -> None:
        self.outcomes: Counter[str] = Counter()
        self._server = server
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(asking,)) for asking in askings]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Counter[str]:
        """Let each client finish its exchange; return what became of all of them."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return self.outcomes

    def _run(self, asking: Asking) -> None:
        wire: Wire | None = None
        while not self._ended.is_set():
            try:
                wire = asking(self._server, wire)
                outcome = "answered"
            except ConnectionRefusedError:
                outcome = "refused"
            except TimeoutError:
                outcome = "hung"
            except (OSError, AssertionError):
                outcome = "cut"
            if outcome != "answered":
                wire = None
            with self._lock:
                self.outcomes[outcome] += 1
        if wire:
            wire.close()


class StartLoad(Protocol):
    """Starts clients of a server."""

    def __call__(self, server: Server, *askings: Asking) -> Load:
        """Return them, asking."""


@pytest.fixture
def load() -> Iterator[StartLoad]:
    """Give clients, which stop when the test ends."""
    loads: list[Load] = []

    def begin(server: Server, *askings: Asking) -> Load:
        loads.append(Load(server, *askings))
        return loads[-1]

    yield begin
    for one in loads:
        one.stop()

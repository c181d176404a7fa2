"""The client's end of a connection, octet by octet."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from fix_server import Server

CHUNK = 65536


@dataclass
class Response:
    """One response as it came over the wire."""

    status: int
    reason: str
    version: str
    fields: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of every field called *name*."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        """Return the value of the only field called *name*."""
        (value,) = self.all(name)
        return value


class Wire:
    """A connection to a server, and what came over it that nobody has read yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._rest = b""

    def send(self, *parts: bytes) -> Wire:
        """Send *parts*, each in a segment of its own as far as the kernel lets it."""
        for part in parts:
            self.sock.sendall(part)
        return self

    def end(self) -> Wire:
        """Say that no more will come; reading goes on."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()

    def read_until(self, mark: bytes) -> bytes:
        """Return everything up to *mark*, with it."""
        while mark not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(mark)
        return head + mark

    def read(self, n: int) -> bytes:
        """Return exactly *n* octets."""
        while len(self._rest) < n:
            self._receive()
        octets, self._rest = self._rest[:n], self._rest[n:]
        return octets

    def read_to_end(self) -> bytes:
        """Return everything up to the server's end of the connection."""
        parts = [self._rest]
        while part := self.sock.recv(CHUNK):
            parts.append(part)
        self._rest = b""
        return b"".join(parts)

    def read_chunks(self) -> Iterator[bytes]:
        """Give the chunks of a body; check each delimiter."""
        while size := int(self.read_until(b"\r\n"), 16):
            yield self.read(size)
            assert self.read(2) == b"\r\n"
        assert self.read(2) == b"\r\n"

    def read_head(self) -> Response:
        """Return the next response up to its empty line."""
        first, *lines = self.read_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        fields = []
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon
            fields.append((name, value.strip(" \t")))
        return Response(int(status), reason, version, fields, b"")

    def read_response(self, *, to_head: bool = False) -> Response:
        """Return the next response; with *to_head* it answers HEAD."""
        response = self.read_head()
        if to_head or response.status < 200 or response.status in (204, 304):
            return response
        if response.all("Transfer-Encoding"):
            assert response["Transfer-Encoding"] == "chunked"
            assert not response.all("Content-Length")
            response.body = b"".join(self.read_chunks())
        elif response.all("Content-Length"):
            response.body = self.read(int(response["Content-Length"]))
        else:
            response.body = self.read_to_end()
        return response

    def is_quiet(self) -> bool:
        """Is there nothing to be read now?"""
        if self._rest:
            return False
        self.sock.setblocking(False)
        try:
            self._receive()
        except BlockingIOError:
            return True
        finally:
            self.sock.settimeout(20)
        return False

    def is_ended(self) -> bool:
        """Does the server end the connection, without another octet?"""
        return self.read_to_end() == b""

    def _receive(self) -> None:
        part = self.sock.recv(CHUNK)
        assert part, f"the server ended the connection after {self._rest[-200:]!r}"
        self._rest += part


Connect = Callable[[Server], Wire]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Give connections, which are closed when the test ends."""
    wires: list[Wire] = []

    def start(server: Server) -> Wire:
        wires.append(Wire(server.connect()))
        return wires[-1]

    yield start
    for wire in wires:
        wire.close()


def get(path: str = "/", *fields: str, method: str = "GET") -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *fields, "", ""]).encode("latin-1")


def post(body: bytes, path: str = "/", *fields: str) -> bytes:
    """Return a request with a body and its length."""
    return get(path, f"Content-Length: {len(body)}", *fields, method="POST") + body


def chunked(*parts: bytes) -> bytes:
    """Return *parts* as chunks, with the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))

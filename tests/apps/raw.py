"""Handlers without HTTP: one of each kind, which do the same; and some that fail."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import fastfork

HELLO = b"hello from %d\n"


def slot() -> int:
    """Return the number of our worker."""
    return fastfork.worker_slot() or 0


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first, say each line louder, and say goodbye to who ends."""
    writer.write(HELLO % slot())
    async for line in reader:
        if line == b"fail\n":
            raise LookupError("a failure of the handler")
        peer = "{} {}\n".format(*writer.get_extra_info("peername")).encode()
        writer.write(peer if line == b"peer\n" else line.upper())
        await writer.drain()
    writer.write(b"bye\n")
    writer.close()
    await writer.wait_closed()


class Protocol(asyncio.Protocol):
    """The same by callbacks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Speak first."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(HELLO % slot())
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """Say each line louder."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line == b"fail":
                raise LookupError("a failure of the handler")
            peer = "{} {}".format(*self._transport.get_extra_info("peername")).encode()
            self._transport.write((peer if line == b"peer" else line.upper()) + b"\n")

    def eof_received(self) -> None:
        """Say goodbye."""
        self._transport.write(b"bye\n")


@fastfork.socket_handler
def blocking(sock: socket.socket, address: tuple[str, int]) -> None:
    """The same in a thread."""
    sock.sendall(HELLO % slot())
    with sock.makefile("rb") as lines:
        for line in lines:
            if line == b"fail\n":
                raise LookupError("a failure of the handler")
            peer = "{} {}\n".format(*address).encode()
            sock.sendall(peer if line == b"peer\n" else line.upper())
    sock.sendall(b"bye\n")


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write as much as the client takes, a GB at most."""
    for _ in range(16_384):
        writer.write(bytes(65_536))
        await writer.drain()
    writer.close()

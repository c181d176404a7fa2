"""What does a message by WebSocket cost, there and back?"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import tree
from scenario import Figures, Refused, Scenario, Server

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % base64.b64encode(b"x" * 16)
)
SAID = b"\x81\x94\0\0\0\0" + b"x" * 20
"""A text of 20 octets, masked by zeroes."""

ECHO = b"\x81\x14" + b"x" * 20


class Client(asyncio.Protocol):
    """A WebSocket that says the same each time that it was answered."""

    def __init__(self, on_open: Callable[[], None]) -> None:
        self.on_open = on_open
        self.answers = self.wrong = 0
        self.got = b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Say it again, if the answer is whole."""
        self.got += data
        if not self.is_open:
            self.is_open = b"\r\n\r\n" in self.got
            self.wrong += not self.got.startswith(b"HTTP/1.1 101"[: len(self.got)])
            self.got = b""
            if self.is_open:
                self.on_open()
        elif len(self.got) >= len(ECHO):
            self.wrong += self.got != ECHO
            self.got = b""
            self.answers += 1
            self.transport.write(SAID)


async def converse(server: Server, *, count: int, seconds: float) -> Figures:
    """Return what a message costs with *count* WebSockets, and how much memory each has."""
    loop = asyncio.get_running_loop()
    missing, all_open = count, loop.create_future()

    def on_open() -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            all_open.set_result(None)

    memory = tree.memory_bytes(server.pid, "Pss")
    made = [
        await loop.create_connection(lambda: Client(on_open), "127.0.0.1", server.port)
        for _ in range(count)
    ]
    clients = [client for _, client in made]
    try:
        await asyncio.wait_for(all_open, 10)
    except TimeoutError:
        raise Refused("opens no WebSocket") from None
    grown = (tree.memory_bytes(server.pid, "Pss") - memory) / 1024 / count
    for client in clients:
        client.transport.write(SAID)
    await asyncio.sleep(server.driver.warm)
    cpu, before = tree.cpu_seconds(server.pid), sum(client.answers for client in clients)
    await asyncio.sleep(seconds)
    messages = sum(client.answers for client in clients) - before
    spent = tree.cpu_seconds(server.pid) - cpu
    if any(client.wrong for client in clients) or not messages:
        raise Refused("echoes something else, or nothing")
    for client in clients:
        client.transport.abort()
    return {"cpu_us": spent / messages * 1e6, "rps": messages / seconds, "kib_each": grown}


def measure(server: Server, seconds: float) -> Figures:
    """Converse on 100."""
    return asyncio.run(converse(server, count=100, seconds=seconds))


SCENARIO = Scenario(
    question="What does a message by WebSocket cost, there and back, on 100 of them?",
    measure=measure,
    unit="CPU µs / message",
    shown=("rps", "kib_each"),
    kinds=("asgi",),
    app="chat",
    points={"": {"websockets": True}},
)

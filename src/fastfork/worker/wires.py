"""Stream and protocol handlers of asyncio, on connections of a lane: what asyncio's server does for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fastfork._native.asgi import Tunnel

    LogError = Callable[[str, BaseException | None], None]
    Client = tuple[str, int] | None

_LIMIT = 64 * 1024
"""Octets that a StreamReader holds, as in asyncio.start_server."""


class Wire(asyncio.Transport):
    """A tunnel as a transport. It offers no half-close of the output and no TLS."""

    def __init__(
        self,
        tunnel: Tunnel,
        protocol: asyncio.BaseProtocol,
        *,
        loop: asyncio.AbstractEventLoop,
        extra: dict[str, Any],
        on_error: LogError,
    ) -> None:
        super().__init__(extra)
        self._tunnel = tunnel
        self._protocol = protocol
        self._loop = loop
        self._on_error = on_error
        self._is_closing = False
        self._is_reading = True
        self._is_ended = False
        """Whether the protocol has been told that nothing more comes."""
        self._room: asyncio.Future[None] | None = None
        """Set while the protocol is told to write no more."""
        loop.call_soon(self._start)

    def _start(self) -> None:
        self._tell("connection_made", self)
        if self._is_reading and not self._is_closing:
            self._tunnel.resume()

    # --- what the tunnel's holder hears

    def hear(self, octets: bytes | None, /) -> None:
        """Take what the client sent; None: its end, or the connection's."""
        if self._is_closing:
            return
        if octets is None and self._tunnel.is_broken:
            self._close(ConnectionResetError("the client is gone"))
        elif octets is None:
            self._end()
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            self._fill(self._protocol, memoryview(octets))
        else:
            self._tell("data_received", octets)

    def leave(self) -> None:
        """The worker ends: the protocol hears what a client's end would tell it."""
        if not self._is_closing:
            self.pause_reading()
            self._end()

    def _end(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            if not self._tell("eof_received"):
                self.close()

    def _fill(self, protocol: asyncio.BufferedProtocol, octets: memoryview) -> None:
        while octets and not self._is_closing:
            room = self._tell("get_buffer", len(octets))
            n = min(len(room), len(octets)) if room else 0
            if n == 0:
                self._close(RuntimeError("get_buffer() gave no room"))
                return
            memoryview(room).cast("B")[:n] = octets[:n]
            octets = octets[n:]
            protocol.buffer_updated(n)

    def _tell(self, method: str, *args: Any) -> Any:
        """Call the protocol; what it raises costs its own connection only."""
        try:
            return getattr(self._protocol, method)(*args)
        except Exception as error:
            self._on_error(f"the protocol failed in {method}()", error)
            self._close(error)
            return None

    # --- what a protocol calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send *data*, now or when the client takes it."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data must be bytes, not {type(data).__name__}")
        if self._is_closing or not data or self._tunnel.push(bytes(data)):
            return
        if self._tunnel.is_broken:
            self._close(ConnectionResetError("the client is gone"))
        elif self._room is None:
            self._room = asyncio.ensure_future(self._tunnel.room(), loop=self._loop)
            self._room.add_done_callback(self._go_on)
            self._tell("pause_writing")

    def _go_on(self, room: asyncio.Future[None]) -> None:
        room.cancelled() or room.exception()
        self._room = None
        if self._tunnel.is_broken:
            self._close(ConnectionResetError("the client is gone"))
        elif not self._is_closing:
            self._tell("resume_writing")

    def close(self) -> None:
        """End the connection behind what was written."""
        self._close(None)

    def abort(self) -> None:
        """End the connection."""
        self._close(None)

    def _close(self, error: Exception | None) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._tunnel.end()
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        self._tell("connection_lost", error)

    def is_closing(self) -> bool:
        """Whether it ends, or has ended."""
        return self._is_closing

    def pause_reading(self) -> None:
        """Leave what the client sends in its socket."""
        if self._is_reading:
            self._is_reading = False
            self._tunnel.pause()

    def resume_reading(self) -> None:
        """Read on."""
        if not self._is_reading and not self._is_closing and not self._is_ended:
            self._is_reading = True
            self._tunnel.resume()

    def is_reading(self) -> bool:
        """Whether the client is read."""
        return self._is_reading and not self._is_closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return self._protocol

    def get_write_buffer_size(self) -> int:
        """Return 0: what the client has not taken lies in the core."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the core's limits: 64 KiB, and 16 KiB to go on."""

    def can_write_eof(self) -> bool:
        """Return that only the whole connection can be ended."""
        return False


class Connections:
    """What a gateway calls for each connection of a raw lane.

    *handler* is one of `asyncio.start_server`, or, of the *interface* protocol, a factory of protocols.
    Each of *servers* is the address and the port of a listener, by its number.
    """

    def __init__(
        self,
        handler: Callable[..., Any],
        interface: str,
        *,
        loop: asyncio.AbstractEventLoop,
        servers: Sequence[tuple[str, str]],
        on_error: LogError,
    ) -> None:
        self._handler = handler
        self._make = self._stream if interface == "stream" else handler
        self._names = [(host, int(port)) if port else host for host, port in servers]
        self._on_error = on_error
        self._loop = loop
        self.tasks: set[asyncio.Task[None]] = set()
        """Of stream handlers that have not returned."""

    def take(self, tunnel: Tunnel, client: Client, listener: int) -> Wire:
        """Begin with a connection."""
        extra = {"peername": client or "", "sockname": self._names[listener]}
        return Wire(tunnel, self._make(), loop=self._loop, extra=extra, on_error=self._on_error)

    def _stream(self) -> asyncio.BaseProtocol:
        reader = asyncio.StreamReader(limit=_LIMIT, loop=self._loop)
        return asyncio.StreamReaderProtocol(reader, self._begin, loop=self._loop)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._run(self._handler(reader, writer), writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, handling: Awaitable[None], writer: asyncio.StreamWriter) -> None:
        try:
            await handling
        except Exception as error:
            # Who writes to a client that has gone need not expect it.
            if not (isinstance(error, ConnectionError) and writer.is_closing()):
                self._on_error("the stream handler failed", error)
            writer.close()
        except asyncio.CancelledError:
            writer.close()
            raise

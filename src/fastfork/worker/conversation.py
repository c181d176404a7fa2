"""A WebSocket between a client and an ASGI application: receive, send, and how it ends for either.

The gateway gives two doors. *respond* takes the messages of an ordinary answer, for a handshake that the
application refuses; *upgrade* answers 101 with the fields it gets and opens a `Tunnel`, whose input goes to
`Conversation.hear` from the next turn of the loop on.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Protocol

from fastfork.worker.websocket import FAILED, LOST, NORMAL, RESTART, Options, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fastfork.worker.websocket import Fields

    Message = Mapping[str, Any]

_PATIENCE = 5.0
"""Seconds that a client has to answer when we close."""

_HEAVY, _LIGHT = 1 << 20, 1 << 18
"""With so much unread by the application the client is not read on; it is again with so little."""

_NAME, _BREAK = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"), re.compile(rb"[\r\n\0]")
_OURS = (b"connection", b"content-length", b"transfer-encoding", b"upgrade")

_HTTP = {
    "websocket.http.response.start": "http.response.start",
    "websocket.http.response.body": "http.response.body",
}


class Tunnel(Protocol):
    """A connection that is no longer HTTP's."""

    def push(self, octets: bytes) -> bool:
        """Send *octets*, now or when the client takes them; False: it is slow, `room` should be awaited."""

    def room(self) -> Awaitable[None]:
        """Wait until more may be pushed, or the connection is lost."""

    def pause(self) -> None:
        """Read nothing more until `resume`."""

    def resume(self) -> None:
        """Read on."""

    def end(self) -> None:
        """End the connection behind what was pushed; nothing is heard from then on."""


class Disconnected(ConnectionResetError):
    """The WebSocket is closed: what is sent reaches nobody (an OSError, as the specification wants)."""


class Conversation:
    """What an application receives and sends, called for one *scope* of the type websocket.

    *on_error* gets what is for the log: what went wrong, and the exception if there is one. Once the
    application has ended, `finish` must be awaited.
    """

    def __init__(
        self,
        scope: Message,
        options: Options,
        *,
        upgrade: Callable[[Fields, Conversation], Tunnel],
        respond: Callable[[Message], Awaitable[None]],
        on_error: Callable[[str, BaseException | None], None],
    ) -> None:
        self._path: str = scope["path"]
        self._headers: Fields = scope["headers"]
        self._offered: Sequence[str] = scope["subprotocols"]
        self._options = options
        self._upgrade = upgrade
        self._respond = respond
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[None]] = []
        """Who waits for something to receive."""
        self._has_begun = False
        """Whether the application has received websocket.connect."""
        self._is_refused = False
        """Whether an ordinary answer is given instead."""
        self._is_answered = False
        """Whether that is whole."""
        self._end: dict[str, Any] | None = None
        """What there is to receive when it ended without having been accepted."""
        self._socket: WebSocket | None = None
        """Once it is accepted."""
        self._tunnel: Tunnel | None = None
        """As long as the connection is open."""
        self._timer: asyncio.TimerHandle | None = None
        self._has_closed = False
        """Whether the application has sent websocket.close."""
        self._is_leaving = False
        self._is_listening = True
        self._room: asyncio.Future[None] | None = None
        """Comes when the client has taken what we said without being asked, as pongs."""

    async def receive(self) -> Message:
        """Return the next message for the application."""
        if not self._has_begun:
            self._has_begun = True
            return {"type": "websocket.connect"}
        while True:
            if self._socket is not None and self._socket.messages:
                message = self._socket.next()
                if not self._is_listening:
                    self._listen()
                return message
            if self._end is not None:
                return self._end.copy()
            news = self._loop.create_future()
            # Whoever gave up waiting, as behind a time-out, is still there.
            self._waiting = [*(other for other in self._waiting if not other.done()), news]
            await news

    async def send(self, message: Message) -> None:
        """Take a message of the application.

        Raises Disconnected if the WebSocket is closed, and RuntimeError, TypeError or ValueError with what is
        wrong about it.
        """
        kind = message["type"]
        socket = self._socket
        if socket is None:
            await self._answer(kind, message)
        elif kind == "websocket.send":
            if not socket.is_open:
                raise self._closed(kind)
            socket.say(message)
            tunnel = self._tunnel
            assert tunnel is not None
            if not tunnel.push(socket.take()):
                await tunnel.room()
        elif kind == "websocket.close":
            if self._has_closed:
                raise self._closed(kind)
            self._has_closed = True
            self._close(message.get("code") or NORMAL, message.get("reason") or "")
        else:
            raise RuntimeError(f"{kind!r} was sent on a WebSocket that is accepted already")

    def hear(self, octets: bytes | None) -> None:
        """Take what the client says; None: it has ended the connection."""
        socket = self._socket
        if socket is None:
            if octets is None and self._end is None:
                self._end = _disconnect(LOST)
        else:
            socket.hear(octets)
            self._flush()
            if socket.weight > _HEAVY:
                self._listen()
        self._tell()

    def leave(self) -> None:
        """Close, as this worker ends; one that is not accepted yet, once it is."""
        self._is_leaving = True
        if self._socket is not None:
            self._close(RESTART, "the server restarts")

    async def finish(self, error: BaseException | None = None) -> None:
        """Give the client an end when the application has returned, or raised *error*."""
        if isinstance(error, Disconnected):
            error = None  # the client left, and the application did not mind
        is_cancelled = isinstance(error, asyncio.CancelledError)
        if error is not None and not is_cancelled:
            self._log("the application failed", error)
        if self._socket is not None:
            code = RESTART if is_cancelled else NORMAL if error is None else FAILED
            self._close(code, "")
        elif self._end is None and not self._is_refused:
            if error is None:
                self._log("the application returned without accepting the WebSocket or closing it")
            await self._refuse(500, b"Internal Server Error\n")

    async def _answer(self, kind: str, message: Message) -> None:
        """Take a message of before the handshake is answered, or of an ordinary answer."""
        if kind in _HTTP:
            if self._is_answered or self._is_refused != kind.endswith(".body"):
                raise RuntimeError(f"{kind!r} was sent out of turn")
            self._is_refused = True
            await self._respond({**message, "type": _HTTP[kind]})
            if kind.endswith(".body") and not message.get("more_body"):
                self._end_answered()
        elif self._is_refused:
            raise RuntimeError(f"{kind!r} was sent when the WebSocket was refused already")
        elif kind == "websocket.close":
            if self._end is None:
                await self._refuse(403, b"Forbidden\n")
        elif kind != "websocket.accept":
            raise RuntimeError(f"{kind!r} was sent before websocket.accept")
        elif self._end is not None:
            raise Disconnected("the client left before its WebSocket was accepted")
        else:
            self._accept(message)

    def _tell(self) -> None:
        """Let those look who wait for something to receive."""
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            if not news.done():
                news.set_result(None)

    def _accept(self, message: Message) -> None:
        fields = [_field(field) for field in message.get("headers") or ()]
        if subprotocol := message.get("subprotocol"):
            if subprotocol not in self._offered:
                offered = ", ".join(self._offered) or "none"
                raise ValueError(f"subprotocol {subprotocol!r} was not offered; offered: {offered}")
            fields.append((b"sec-websocket-protocol", subprotocol.encode()))
        socket = WebSocket(self._headers, self._options)
        self._tunnel = self._upgrade([*socket.fields, *fields], self)
        self._socket = socket
        if self._is_leaving:
            self.leave()
        else:
            self._beat()

    async def _refuse(self, status: int, body: bytes) -> None:
        self._is_refused = True
        length = str(len(body)).encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", length)]
        await self._respond({"type": "http.response.start", "status": status, "headers": headers})
        await self._respond({"type": "http.response.body", "body": body})
        self._end_answered()

    def _end_answered(self) -> None:
        self._is_answered = True
        self._end = _disconnect(LOST)
        self._tell()

    def _close(self, code: int, reason: str) -> None:
        assert self._socket is not None
        was_open = self._socket.is_open
        self._socket.close(code, reason)
        if not was_open:
            return
        self._tell()
        self._listen()
        self._flush()
        if self._tunnel is not None:
            self._time(_PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if self._socket is not None:
            self._socket.abandon()
            self._flush()

    def _flush(self) -> None:
        """Send what the socket has to say, and end with it."""
        socket, tunnel = self._socket, self._tunnel
        assert socket is not None
        if tunnel is None:
            return
        octets = socket.take()
        if octets and not tunnel.push(octets) and self._room is None and not socket.is_over:
            self._room = asyncio.ensure_future(tunnel.room())
            self._room.add_done_callback(self._go_on)
            self._listen()
        if socket.is_over:
            self._tunnel = None
            if self._timer is not None:
                self._timer.cancel()
            tunnel.end()

    def _go_on(self, room: asyncio.Future[None]) -> None:
        room.cancelled() or room.exception()  # the connection's loss is heard otherwise
        self._room = None
        self._listen()

    def _listen(self) -> None:
        """Read on or not, as there is room for what the client says."""
        if self._socket is None or self._tunnel is None:
            return
        most = _HEAVY if self._is_listening else _LIGHT
        # When it is closed here, what the client said before does not matter, but its own close does.
        has_room = self._socket.weight <= most or not self._socket.is_open
        may_listen = has_room and self._room is None
        if may_listen != self._is_listening:
            self._is_listening = may_listen
            if may_listen:
                self._tunnel.resume()
            else:
                self._tunnel.pause()

    def _beat(self) -> None:
        assert self._socket is not None
        wait = self._socket.beat(self._loop.time(), is_deaf=not self._is_listening)
        self._flush()
        if wait is not None:
            self._time(wait, self._beat)
        elif not self._socket.is_open:
            self._tell()

    def _time(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)

    def _closed(self, kind: str) -> Exception:
        if self._has_closed:
            return RuntimeError(f"{kind!r} was sent behind websocket.close")
        return Disconnected("the client has closed the WebSocket, or the server had to")

    def _log(self, what: str, error: BaseException | None = None) -> None:
        self._on_error(f"WebSocket {self._path}: {what}", error)


def _disconnect(code: int) -> dict[str, Any]:
    return {"type": "websocket.disconnect", "code": code, "reason": ""}


def _field(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = field
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise TypeError(f"a header must be a pair of bytes, not {field!r}")
    if not _NAME.fullmatch(name) or _BREAK.search(value):
        raise ValueError(f"a header must be a name and a value of one line, not {field!r}")
    if name.lower() in _OURS or name.lower().startswith(b"sec-websocket-"):
        raise ValueError(f"the header {name.decode('latin-1')!r} is the server's to send")
    return name, value

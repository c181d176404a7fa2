"""One WebSocket, as the ASGI specification sees it; octets in, messages and octets out (RFC 6455, RFC 7692).

No I/O and no clock: who has them gives octets and moments. Frames are the `websockets` package's.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, ProtocolError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.protocol import State
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastfork.settings import Settings

    Fields = list[tuple[bytes, bytes]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_DEFLATE = (
    # Windows of 4 KiB: 64 KiB for each WebSocket, where zlib's own would take 300.
    ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    ),
)

_LOGGER = logging.getLogger("fastfork.websocket")
_LOGGER.setLevel(logging.WARNING)  # the package tells of each start and end at info

_EMPTY_WEIGHT = 300
"""About the octets of a message without any."""

NORMAL, LOST, NOT_UTF8, FAILED, RESTART = 1000, 1006, 1007, 1011, 1012
"""Codes to close with (RFC 6455, 7.4.1); 1012 is IANA's."""


class Options(NamedTuple):
    """What the settings say of WebSockets."""

    max_size: int = 16 << 20
    """Octets of one message, inflated."""
    ping_interval: float = 20.0
    """Seconds; 0: no pings."""
    ping_timeout: float = 20.0
    """Seconds in which a client must say something behind a ping; 0: any."""
    deflate: bool = True


def options_of(settings: Settings) -> Options:
    """Return them."""
    return Options(
        settings.ws_max_size,
        settings.ws_ping_interval,
        settings.ws_ping_timeout,
        settings.ws_per_message_deflate,
    )


class Refusal(NamedTuple):
    """An answer to a handshake that is none."""

    status: int
    fields: Fields
    reason: bytes


def refusal_of(headers: Fields) -> Refusal | None:
    """Return why a request to upgrade with these *headers* is refused (RFC 6455, 4.2); None: it is not."""
    if _values(headers, b"sec-websocket-version") != [b"13"]:
        said = b"WebSocket has version 13 here: Sec-WebSocket-Version\n"
        return Refusal(426, [(b"sec-websocket-version", b"13")], said)
    keys = _values(headers, b"sec-websocket-key")
    try:
        is_key = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == 16
    except binascii.Error:
        is_key = False
    if not is_key:
        return Refusal(400, [], b"Sec-WebSocket-Key must be 16 octets in base64, once\n")
    try:
        for offer in _values(headers, b"sec-websocket-extensions"):
            parse_extension(offer.decode("latin-1"))
    except InvalidHeader:
        return Refusal(400, [], b"Sec-WebSocket-Extensions is malformed\n")
    return None


class WebSocket:
    """One WebSocket behind its handshake; *headers* are those of the request, which was not refused."""

    def __init__(self, headers: Fields, options: Options) -> None:
        self._options = options
        self._protocol = ServerProtocol(
            state=State.OPEN,
            max_size=options.max_size,
            extensions=_DEFLATE if options.deflate else None,
            logger=_LOGGER,
        )
        (key,) = _values(headers, b"sec-websocket-key")
        self.fields: Fields = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", base64.b64encode(hashlib.sha1(key + _GUID).digest())),
        ]
        """What the answer 101 says for us."""
        self._negotiate(_values(headers, b"sec-websocket-extensions"))
        self.messages: deque[dict[str, Any]] = deque()
        """For the application: websocket.receive, and at last one websocket.disconnect, which stays."""
        self.weight: int = 0
        """What is in there: about its octets in memory."""
        self.is_open: bool = True
        """Whether the application may send; not once either side has closed."""
        self._parts: list[Any] | None = None
        """Of a message in several frames."""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._ping_at: float | None = None
        self._is_asking = False
        self._has_heard = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be read: the connection ends behind what `take` still gives."""
        return self._protocol.eof_sent

    def hear(self, octets: bytes | None) -> None:
        """Take what the client has sent; None: it has ended the connection."""
        self._has_heard = True
        protocol = self._protocol
        if octets is None:
            protocol.receive_eof()
        else:
            protocol.receive_data(octets)
        for frame in cast("list[Frame]", protocol.events_received()):
            if frame.opcode <= Opcode.BINARY:
                if self.is_open:
                    self._take_data(frame)
            elif frame.opcode is Opcode.CLOSE:
                assert protocol.close_rcvd is not None
                self._close_with(protocol.close_rcvd.code, protocol.close_rcvd.reason)
        if protocol.parser_exc is not None:
            sent = protocol.close_sent
            self._close_with(sent.code if sent else LOST, sent.reason if sent else "")

    def next(self) -> dict[str, Any]:
        """Return the next of the messages; there must be one."""
        message = self.messages[0]
        if message["type"] == "websocket.disconnect":
            return message.copy()
        del self.messages[0]
        self.weight -= _weight_of(message)
        return message

    def take(self) -> bytes:
        """Return the octets for the client that nobody has taken yet."""
        return b"".join(self._protocol.data_to_send())

    def say(self, message: Mapping[str, Any]) -> None:
        """Send what a websocket.send holds. Raises TypeError if that is no message."""
        text, octets = message.get("text"), message.get("bytes")
        if (text is None) == (octets is None):
            raise TypeError("websocket.send must hold either 'text' or 'bytes'")
        if text is not None:
            if not isinstance(text, str):
                raise TypeError(f"'text' of websocket.send must be a str, not {_kind(text)}")
            self._protocol.send_text(text.encode())
        else:
            if not isinstance(octets, (bytes, bytearray, memoryview)):
                raise TypeError(f"'bytes' of websocket.send must be bytes, not {_kind(octets)}")
            self._protocol.send_binary(octets)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Begin to close, if that has not begun. Raises ValueError for what a close frame can't hold."""
        if not self.is_open:
            return
        if len(reason.encode()) > 123:
            raise ValueError("the reason of websocket.close is longer than 123 octets of UTF-8")
        try:
            self._protocol.send_close(code, reason)
        except ProtocolError:
            raise ValueError(
                f"{code} is no code to close a WebSocket with (RFC 6455, 7.4)"
            ) from None
        self._close_with(code, reason)

    def abandon(self) -> None:
        """End without waiting for a client that does not close."""
        if not self.is_over:
            self._protocol.fail(LOST)
        self._close_with(LOST, "")

    def beat(self, now: float, *, is_deaf: bool) -> float | None:
        """Ping the client when it is time, and give up one that stays silent behind a ping.

        Whatever it says counts as life, and while we are deaf (*is_deaf*: its input is paused) its silence
        counts for nothing. Return in how many seconds to call again; the first call is the start. None: not.
        """
        interval, patience = self._options.ping_interval, self._options.ping_timeout
        if not self.is_open or not interval:
            return None
        if self._is_asking and not self._has_heard and not is_deaf:
            self._fail(FAILED, "no answer to a ping")
            return None
        self._is_asking = False
        if self._ping_at is None:
            self._ping_at = now + interval
        if now < self._ping_at:
            return self._ping_at - now
        self._protocol.send_ping(b"")
        self._ping_at = now + interval
        if not patience:
            return interval
        self._is_asking = True
        self._has_heard = False
        return patience

    def _negotiate(self, offers: list[bytes]) -> None:
        headers = Headers()
        for offer in offers:
            headers["Sec-WebSocket-Extensions"] = offer.decode("latin-1")
        answer, self._protocol.extensions = self._protocol.process_extensions(headers)
        if answer is not None:
            self.fields.append((b"sec-websocket-extensions", answer.encode()))

    def _take_data(self, frame: Frame) -> None:
        is_text = frame.opcode is Opcode.TEXT
        try:
            if frame.opcode is not Opcode.CONT and frame.fin:
                self._deliver(str(frame.data, "utf-8") if is_text else bytes(frame.data))
                return
            if frame.opcode is not Opcode.CONT:
                self._parts = []
                self._decoder = codecs.getincrementaldecoder("utf-8")() if is_text else None
            assert self._parts is not None
            # Text that is wrong ends here and now, not when the last frame has come.
            part = self._decoder.decode(frame.data, frame.fin) if self._decoder else frame.data
        except UnicodeDecodeError as error:
            self._fail(NOT_UTF8, f"{error.reason} at position {error.start}")
            return
        if part:  # frames without an octet are free to send
            self._parts.append(part)
        if frame.fin:
            self._deliver(("" if self._decoder else b"").join(self._parts))
            self._parts = None

    def _deliver(self, content: str | bytes) -> None:
        key = "text" if isinstance(content, str) else "bytes"
        message = {"type": "websocket.receive", key: content}
        self.messages.append(message)
        self.weight += _weight_of(message)

    def _fail(self, code: int, reason: str) -> None:
        self._protocol.fail(code, reason)
        self._close_with(code, reason)

    def _close_with(self, code: int, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            self._parts = None
            event = {"type": "websocket.disconnect", "code": int(code), "reason": reason}
            self.messages.append(event)


def _weight_of(message: dict[str, Any]) -> int:
    return _EMPTY_WEIGHT + len(message.get("text") or message.get("bytes") or "")


def _values(headers: Fields, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _kind(value: object) -> str:
    return type(value).__name__

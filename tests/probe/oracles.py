"""What others make of the octets of a request: llhttp (strict, by httptools), h11, and http.client."""

from __future__ import annotations

import http.client
import io
from dataclasses import dataclass, field

import h11
import httptools

Fields = list[tuple[bytes, bytes]]


@dataclass
class Seen:
    """The first request, as an oracle saw it."""

    method: bytes = b""
    target: bytes = b""
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    has_head: bool = False
    is_whole: bool = False
    has_left: bool = False  # for another protocol, behind the head
    refusal: str = ""  # why it was refused before its end; else it is whole, or more is awaited


class _Events:
    """Callbacks of httptools; what comes behind the first request is not looked at."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        if not self.seen.is_whole:
            self.seen.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.seen.is_whole and not self.seen.has_head:
            self.seen.fields.append((name, value))

    def on_headers_complete(self) -> None:
        if not self.seen.has_head:
            self.seen.method = self.parser.get_method()
        self.seen.has_head = True

    def on_body(self, body: bytes) -> None:
        if not self.seen.is_whole:
            self.seen.body += body

    def on_message_complete(self) -> None:
        self.seen.is_whole = True


def ask_llhttp(octets: bytes) -> Seen:
    """Return what llhttp makes of it."""
    events = _Events()
    seen = events.seen
    try:
        events.parser.feed_data(octets)
    except httptools.HttpParserUpgrade:
        seen.is_whole = seen.has_left = True
    except httptools.HttpParserError as error:
        if not seen.is_whole:
            seen.refusal = str(error)
    return seen


def ask_h11(octets: bytes) -> Seen:
    """Return what h11 makes of it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32_768)
    seen = Seen()
    try:
        connection.receive_data(octets)
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                seen.method, seen.target = event.method, event.target
                seen.fields, seen.has_head = list(event.headers), True
            elif isinstance(event, h11.Data):
                seen.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                seen.is_whole = True
                break
            else:
                break
    except h11.RemoteProtocolError as error:
        seen.refusal = str(error)
    return seen


def ask_http_client(octets: bytes) -> Fields | None:
    """Return the fields that http.client reads behind the first line; None if it refuses them."""
    file = io.BytesIO(octets.lstrip(b"\r\n"))
    file.readline()
    try:
        message = http.client.parse_headers(file)
    except http.client.HTTPException:
        return None
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in message.items()]

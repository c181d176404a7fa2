"""What a case of the probe is: octets to send, and what must come of them.

A case is the same for every interface: what stands in a table here is sent to the WSGI and to the ASGI
application of apps/probe.py. Behind the octets of most cases follows one more request, `AFTER`: whoever is
refused must not have it answered (that would be smuggling), whoever is answered and lives on must.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["must", "should", "hardening"]

AFTER = b"GET /after HTTP/1.1\r\nHost: after\r\n\r\n"


@dataclass(frozen=True)
class Refused:
    """One answer with one of these statuses and Connection: close, then the end."""

    statuses: tuple[int, ...] = (400,)
    to_head: bool = False


@dataclass(frozen=True)
class Answered:
    """200, and the application saw this; the connection lives on, or ends."""

    facts: Mapping[str, object]
    fields: Mapping[str, str | None]  # None: not there
    lives: bool = True


@dataclass(frozen=True)
class Reply:
    """What an application that misbehaves, or has nothing to say, makes the client see."""

    status: int
    body: bytes
    has: Mapping[str, str | None]  # None: whatever it says
    lacks: tuple[str, ...] = ()
    lives: bool = True
    to_head: bool = False
    is_cut: bool = False  # the connection ends inside the body


@dataclass(frozen=True)
class Unfinished:
    """Then the client ends its side: no application may think that it had it all."""


@dataclass(frozen=True)
class Waits:
    """The server is quiet until the rest has come, then answers 200."""

    rest: bytes


Then = Refused | Answered | Reply | Unfinished | Waits


@dataclass(frozen=True)
class Case:
    """One row of a table."""

    level: Level
    rule: str  # RFC and section
    octets: bytes
    then: Then


Cases = dict[str, Case]


def seen(*, lives: bool = True, fields: Mapping[str, str | None] = {}, **facts: object) -> Answered:
    """Return what is expected of a request that is answered."""
    return Answered(facts, fields, lives)


def reply(
    status: int,
    body: bytes = b"body",
    *,
    has: Mapping[str, str | None] = {},
    lacks: tuple[str, ...] = (),
    lives: bool = True,
    to_head: bool = False,
    is_cut: bool = False,
) -> Reply:
    """Return what is expected of such an answer."""
    return Reply(status, body, has, lacks, lives, to_head, is_cut)


def head(*lines: str | bytes, line: str = "GET / HTTP/1.1", host: str | None = "a") -> bytes:
    """Return a head: request line, Host, and these lines."""
    first = [line.encode("latin-1"), *([f"Host: {host}".encode()] if host is not None else [])]
    rest = [each if isinstance(each, bytes) else each.encode("latin-1") for each in lines]
    return b"\r\n".join([*first, *rest, b"", b""])


def post(*lines: str | bytes, body: bytes = b"", path: str = "/") -> bytes:
    """Return a POST with these lines, and octets behind its head."""
    return head(*lines, line=f"POST {path} HTTP/1.1") + body


def in_chunks(octets: bytes, *lines: str | bytes, path: str = "/") -> bytes:
    """Return a POST whose chunked body is framed by the caller."""
    return post("Transfer-Encoding: chunked", *lines, body=octets, path=path)

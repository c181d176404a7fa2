"""The control protocol: JSON, one line a message, as many requests on a connection as wanted. Pure.

    -> {"version": 1, "command": "restart", "arguments": {"slot": 2}}
    <- {"version": 1, "ok": true, "result": {...}}
    <- {"version": 1, "ok": false, "error": "there is no slot 2; slots are 0 to 1"}

Answers come in the order of the requests. A version is raised when what it says can't be understood by who
knows only the one before.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from fastfork.errors import FastforkError

VERSION = 1
LINE_MAX = 65_536
"""Octets of a request."""

T = TypeVar("T")


class ControlError(FastforkError):
    """A server can't be found, or does not do what it was asked for."""


class Request(msgspec.Struct, frozen=True):
    """What a client wants."""

    command: str
    arguments: dict[str, Any] = {}
    version: int = VERSION


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of it."""

    ok: bool
    result: Any = None
    error: str = ""
    version: int = VERSION


def encode(message: Request | Reply) -> bytes:
    """Return *message* as a line."""
    return json_of(message) + b"\n"


def json_of(found: object) -> bytes:
    """Return *found* as JSON; what of a path is no UTF-8 is told as "?", since JSON can't hold it."""
    try:
        return msgspec.json.encode(found)
    except UnicodeEncodeError:
        return msgspec.json.encode(_readable(msgspec.to_builtins(found)))


def _readable(found: Any) -> Any:
    if isinstance(found, str):
        return found.encode(errors="replace").decode()
    if isinstance(found, dict):
        return {_readable(name): _readable(value) for name, value in found.items()}
    return [*map(_readable, found)] if isinstance(found, list | tuple) else found


def decode(line: bytes, kind: type[T]) -> T:
    """Return the message of *line*; raise ControlError if it is none of *kind*."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ControlError(f"not a message of the control protocol: {error}") from None


class Inbox:
    """Cuts what arrives into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[bytes]:
        """Return the lines that are whole now; raise ControlError if one gets too long."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        if len(self._rest) > LINE_MAX:
            raise ControlError(f"a request has {LINE_MAX} octets at most")
        return lines

"""What servers say to each other through a broker. Pure: octets to values and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE_MAX = 8 << 20
"""Octets of a message to other servers, at most: Redis cuts off who is behind by more than 32 MiB."""


class Said(msgspec.Struct, frozen=True, array_like=True, tag="said"):
    """Publications."""

    origin: str
    """The server that says it."""
    number: int
    """How many publications it has said, with these: who misses some can tell."""
    messages: list[tuple[int, str, bytes]]
    """Flags, topic, octets."""


class News(msgspec.Struct, frozen=True, array_like=True, tag="news"):
    """I am here, and these are responded to here; said when that changes, and every few seconds."""

    origin: str
    number: int
    names: list[str]


class Ask(msgspec.Struct, frozen=True, array_like=True, tag="ask"):
    """A request to one server."""

    origin: str
    id: int
    name: str
    flags: int
    octets: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """The answer to it: kind and flags as in a frame."""

    origin: str
    id: int
    kind: int
    flags: int
    octets: bytes


class Bye(msgspec.Struct, frozen=True, array_like=True, tag="bye"):
    """I say nothing more."""

    origin: str


Parcel = Said | News | Ask | Answer | Bye

packed: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
unpacked: Callable[[bytes], Any] = msgspec.msgpack.Decoder(Parcel).decode
"""Raises msgspec.MsgspecError for what is no parcel."""

"""WebSocket frames, octet by octet: right ones and wrong ones."""

from __future__ import annotations

import os
import struct

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    is_masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return a frame as a client sends it; *length* is what it says it has."""
    first = (fin << 7) | (rsv << 4) | opcode
    n = len(payload) if length is None else length
    bit = 0x80 if is_masked else 0
    if n < 126:
        head = struct.pack("!BB", first, bit | n)
    elif n < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, n)
    else:
        head = struct.pack("!BBQ", first, bit | 127, n)
    if not is_masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame as a client sends it."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


def frames_of(octets: bytes) -> list[tuple[int, bytes]]:
    """Return opcode and payload of each frame that a server has sent."""
    found = []
    while octets:
        first, second = octets[:2]
        assert first & 0x80, "the server sends no fragments"
        assert second < 0x80, "a server masks nothing"
        start, n = 2, second
        if n == 126:
            start, n = 4, int.from_bytes(octets[2:4])
        elif n == 127:
            start, n = 10, int.from_bytes(octets[2:10])
        assert len(octets) >= start + n
        found.append((first & 0x7F, octets[start : start + n]))
        octets = octets[start + n :]
    return found


def close_code(payload: bytes) -> int:
    """Return the code that a close frame holds."""
    return int.from_bytes(payload[:2])

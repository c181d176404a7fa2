"""The parsers of the core, called from Python: what they make of the octets of one request."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CORE = Path(__file__).parents[1] / "core"
MORE, DONE = 0, 1
ROOM = 1 << 20
"""Octets that can be asked about at once."""


@dataclass(frozen=True)
class Read:
    """A request as it was understood."""

    minor: int
    keep_alive: bool
    method: bytes
    target: bytes
    path: bytes
    query: bytes
    host: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    rest: bytes


@cache
def _library(name: str) -> ctypes.CDLL:
    target = f"build/{name}.so"
    subprocess.run(["make", "-s", "-C", str(CORE), target], check=True)
    return ctypes.CDLL(str(CORE / target))


@cache
def _room(size: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(size)


def read(octets: bytes, cuts: Sequence[int] = (), *, scalar: bool = False) -> Read | int:
    """Return the request that *octets* begin with, or the verdict: MORE, or the status to refuse with.

    They arrive in pieces, cut at *cuts* (ascending); *scalar* asks the twin that needs no SIMD.
    """
    library = _library("libcodec_scalar" if scalar else "libcodec")
    out = _room(1 << (4 * len(octets) + 4096).bit_length())
    length = ctypes.c_size_t()
    places = (ctypes.c_uint32 * len(cuts))(*cuts) if cuts else None
    verdict: int = library.oracle_read(
        octets, ctypes.c_size_t(len(octets)), places, ctypes.c_size_t(len(cuts)), out,
        ctypes.byref(length),
    )  # fmt: skip
    if verdict != DONE:
        return verdict
    return _unpack(ctypes.string_at(out, length.value))


def _unpack(octets: bytes) -> Read:
    parts = []
    at = 0
    while at < len(octets):
        (n,) = struct.unpack_from("=I", octets, at)
        at += 4
        parts.append(octets[at : at + n])
        at += n
    facts, method, target, path, query, host, *named, body, rest = parts
    fields = tuple(zip(named[::2], named[1::2], strict=True))
    return Read(facts[0], bool(facts[1]), method, target, path, query, host, fields, body, rest)

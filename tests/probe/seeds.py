"""Seeds for the fuzzers, from the cases of the probe: `python tests/probe/seeds.py FOLDER`.

Each harness of tests/core/fuzz_*.c takes a few octets of its own before the input; see there.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from probe import codec, connection, fields, framing, line

CASES = line.CASES | fields.CASES | framing.CASES | connection.CASES
LARGEST = 2048

V2 = b"\r\n\r\n\0\r\nQUIT\n"
RELAYS = [
    b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n",
    b"PROXY UNKNOWN\r\n",
    V2 + b"\x21\x11\x00\x0c" + bytes(range(12)),
    V2 + b"\x21\x21\x00\x24" + bytes(range(36)),
    V2 + b"\x20\x00\x00\x00",
]
FORWARDED = [
    b"\x00203.0.113.7, 10.0.0.1",
    b"\x00[2001:db8::1]:80\n\x00unknown",
    b"\x01https\n\x01https",
    b"\x02a.example:8000\n\x038000",
]


def body_of(octets: bytes) -> bytes:
    """Return what stands behind the head."""
    return octets.partition(b"\r\n\r\n")[2]


def seeds() -> dict[str, list[bytes]]:
    """Return the inputs of each harness."""
    small = [case.octets for case in CASES.values() if len(case.octets) <= LARGEST]
    in_chunks = [each for each in small if b"chunked" in each and codec.read(each) != codec.MORE]
    return {
        "fuzz_http_request": [bytes([0, 255, 255, 255, 100, 6]) + octets for octets in small],
        "fuzz_http_body": [bytes([1, 0, 6]) + body_of(octets) for octets in in_chunks],
        "fuzz_proxy": [bytes([mode]) + octets for octets in RELAYS for mode in range(3)],
        "fuzz_http_forwarded": FORWARDED,
    }


def main(folder: Path) -> None:
    """Write them, each into the folder of its harness, under the names that libFuzzer gives."""
    for harness, inputs in seeds().items():
        where = folder / f"{harness}.seeds"
        where.mkdir(parents=True, exist_ok=True)
        for octets in inputs:
            (where / hashlib.sha1(octets, usedforsecurity=False).hexdigest()).write_bytes(octets)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

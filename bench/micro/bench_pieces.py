"""What is done for each request, piece by piece: `make bench-micro`. A round does each ROUNDS times.

Seconds say something beside others of the same minute: pytest-benchmark compares with what it has saved
(--benchmark-save, --benchmark-compare). What gates are counts: budgets.py.
"""

from __future__ import annotations

import importlib
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"
SETUP = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
core = sys.argv.pop().split()
flags = ["-std=c11", "-D_GNU_SOURCE=", "-O3", "-fno-strict-aliasing"]
where = ["ext/core", "ext/bind"]
pieces = Extension(
    "pieces", ["bench/micro/pieces.pyx", *core], include_dirs=where, extra_compile_args=flags
)
made = cythonize([pieces], build_dir="build/bench/cython", include_path=where)
setup(name="pieces", packages=[], ext_modules=made)
"""
ROUNDS = 1000
Benchmark = Callable[..., Any]

BROWSER = (
    b"GET /en-US/docs/Web/HTTP/Headers?query=value&other=1 HTTP/1.1\r\n"
    b"Host: developer.example.org\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/126.0.0.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://developer.example.org/en-US/docs/Web/HTTP\r\n"
    b"Connection: keep-alive\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; _ga=GA1.2.1234567890.1234567890\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Sec-Fetch-User: ?1\r\n"
    b"\r\n"
)
HELLO = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
HEADS = {"hello": (HELLO, 1), "browser": (BROWSER, 13)}
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="session")
def pieces() -> Any:
    """The module of pieces.pyx."""
    units = [f"ext/core/{path.name}" for path in sorted((ROOT / "ext" / "core").glob("*.c"))]
    command = ["build_ext", "-q", "--build-lib", str(BUILD), "--build-temp", str(BUILD)]
    subprocess.run(
        [sys.executable, "-c", SETUP, *command, " ".join(units)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    sys.path.insert(0, str(BUILD))
    return importlib.import_module("pieces")


heads = pytest.mark.parametrize(("head", "fields"), HEADS.values(), ids=HEADS)


@heads
def bench_parse(benchmark: Benchmark, pieces: Any, head: bytes, fields: int) -> None:
    assert benchmark(pieces.parse, head, ROUNDS) == fields


class Events:
    """What a server keeps of a head, as those on httptools do."""

    __slots__ = ("headers", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


@heads
def bench_parse_by_httptools(benchmark: Benchmark, head: bytes, fields: int) -> None:
    httptools = pytest.importorskip("httptools")

    def parse() -> Events:
        for _ in range(ROUNDS):
            events = Events()
            httptools.HttpRequestParser(events).feed_data(head)
        return events

    assert len(benchmark(parse).headers) == fields


@heads
def bench_environ(benchmark: Benchmark, pieces: Any, head: bytes, fields: int) -> None:
    assert benchmark(pieces.parse_with_environ, head, ROUNDS)["REQUEST_METHOD"] == "GET"


@heads
def bench_scope(benchmark: Benchmark, pieces: Any, head: bytes, fields: int) -> None:
    assert len(benchmark(pieces.scope_of, head, ROUNDS)["headers"]) == fields


def bench_response_head(benchmark: Benchmark, pieces: Any) -> None:
    assert benchmark(pieces.respond, HELLO, ROUNDS).endswith(b"\r\n\r\n")


@pytest.mark.parametrize("size", [256, 16_384])
def bench_chunks(benchmark: Benchmark, pieces: Any, size: int) -> None:
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    raw = chunk * (65_536 // size) + b"0\r\n\r\n"

    assert benchmark(pieces.decode, CHUNKED, raw, 10) == 65_536


@pytest.mark.parametrize("lanes", [8, 64])
def bench_dispatch(benchmark: Benchmark, pieces: Any, lanes: int) -> None:
    assert benchmark(pieces.deal, lanes, 10 * lanes) == 10


def bench_bus_frame(benchmark: Benchmark, pieces: Any) -> None:
    topic, message = b"cache.users.17", b"x" * 20
    kinds = struct.pack("<I4B4H", len(topic) + len(message), 1, 0, len(topic), 0, 0, 0, 0, 0)
    frame = kinds + struct.pack("<3I", 0, 0, len(message)) + topic + message

    assert benchmark(pieces.route, frame, b"cache.*", ROUNDS) == ROUNDS


def bench_websocket_frame(benchmark: Benchmark) -> None:
    websocket = pytest.importorskip("fastfork.worker.websocket")
    one = websocket.WebSocket([(b"sec-websocket-key", b"x")], websocket.Options(deflate=False))

    def echo() -> int:
        octets = 0
        for _ in range(ROUNDS):
            one.hear(b"\x81\x94\0\0\0\0" + b"x" * 20)
            one.say({"type": "websocket.send", "text": one.next()["text"]})
            octets += len(one.take())
        return octets

    assert benchmark(echo) == 22 * ROUNDS


def bench_counter(benchmark: Benchmark) -> None:
    from fastfork import Counter

    counter = Counter("benched")

    def count() -> int:
        for _ in range(ROUNDS):
            counter.add()
        return counter.value

    assert benchmark(count) >= ROUNDS

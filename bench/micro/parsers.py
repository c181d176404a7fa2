"""How many octets a second do the parsers read, beside httptools, in the same run?

A browser's head: parsed, and with the environ built from it, beside httptools with the callbacks that a
server needs. Chunked bodies: decoded in place, with a copy of the raw octets. CPU time, best of several
interleaved rounds.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"

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
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
ROUNDS = 7


def compiled() -> Any:
    """Return the module of heads.pyx, built if need be."""
    script = (
        "import sys; from Cython.Build import cythonize; from setuptools import Extension, setup;"
        "core = sys.argv.pop().split();"
        "common = ['-std=c11', '-D_GNU_SOURCE=', '-O3', '-fno-strict-aliasing'];"
        "where = ['ext/core', 'ext/bind'];"
        "setup(name='heads', packages=[], ext_modules=cythonize([Extension('heads',"
        " ['bench/micro/heads.pyx', *core], include_dirs=where, extra_compile_args=common)],"
        " build_dir='build/bench/cython', include_path=where))"
    )
    units = [f"ext/core/{path.name}" for path in sorted((ROOT / "ext" / "core").glob("*.c"))]
    command = ["build_ext", "-q", "--build-lib", str(BUILD), "--build-temp", str(BUILD)]
    subprocess.run(
        [sys.executable, "-c", script, *command, " ".join(units)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    sys.path.insert(0, str(BUILD))
    return importlib.import_module("heads")


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


def with_httptools(head: bytes, rounds: int) -> None:
    """Parse *head* so often."""
    import httptools

    for _ in range(rounds):
        httptools.HttpRequestParser(Events()).feed_data(head)


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of *work*."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_chunks(size: int, total: int) -> bytes:
    """Return *total* octets in chunks of *size*."""
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    return chunk * (total // size) + b"0\r\n\r\n"


def main() -> None:
    """Print a row for each."""
    heads = compiled()
    large, small = in_chunks(16_384, 1 << 20), in_chunks(256, 1 << 20)
    rows: dict[str, tuple[int, int, Callable[[int], object]]] = {
        "browser head": (len(BROWSER), 100_000, lambda n: heads.parse(BROWSER, n)),
        "browser head + environ": (
            len(BROWSER),
            30_000,
            lambda n: heads.parse_with_environ(BROWSER, n),
        ),
        "browser head, httptools": (len(BROWSER), 10_000, lambda n: with_httptools(BROWSER, n)),
        "hello head": (len(HELLO), 300_000, lambda n: heads.parse(HELLO, n)),
        "hello head + environ": (len(HELLO), 100_000, lambda n: heads.parse_with_environ(HELLO, n)),
        "chunks of 16 KiB": (len(large), 100, lambda n: heads.decode(CHUNKED, large, n)),
        "chunks of 256 octets": (len(small), 50, lambda n: heads.decode(CHUNKED, small, n)),
    }
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(ROUNDS):
        for name, (_, n, work) in rows.items():
            best[name] = min(best[name], seconds(lambda work=work, n=n: work(n)) / n)  # type: ignore[misc]
    for name, (size, _, _) in rows.items():
        print(f"{name:26}{best[name] * 1e9:12,.0f} ns{size / best[name] / 1e9:8.2f} GB/s")
    ratio = best["browser head, httptools"] / best["browser head + environ"]
    print(f"with its environ, {ratio:.1f} x httptools")


if __name__ == "__main__":
    main()

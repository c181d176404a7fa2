"""Answer in the way that the path says: every way that PEP 3333 allows."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

TEXT = ("Content-Type", "text/plain")
LARGE = bytes(range(256)) * 16384  # 4 MiB

Way = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]
ways: dict[str, Way] = {}
closed: list[str] = []


def way(function: Way) -> Way:
    """Register *function* under its name."""
    ways["/" + function.__name__.strip("_").replace("_", "-")] = function
    return function


class Closing:
    """Parts that note when they are closed."""

    def __init__(self, name: str, parts: Iterable[bytes]) -> None:
        self._name = name
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        """Note it."""
        closed.append(self._name)


@way
def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Say hello."""
    start_response("200 OK", [TEXT, ("X-First", "1"), ("X-Second", "2"), ("X-First", "3")])
    return [b"Hello, ", b"World!"]


@way
def tuple_(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a tuple."""
    start_response("200 OK", [TEXT])
    return (b"Hello, ", b"World!")


@way
def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer no octets."""
    start_response("200 OK", [TEXT])
    return []


@way
def no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 204."""
    start_response("204 No Content", [])
    return []


@way
def not_modified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 304."""
    start_response("304 Not Modified", [("ETag", '"x"')])
    return []


@way
def with_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Generate what was announced."""
    start_response("200 OK", [TEXT, ("Content-Length", "6")])
    yield from (b"abc", b"def")


@way
def generator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Generate parts, some of them empty."""
    start_response("200 OK", [TEXT])
    yield from (b"", b"one,", b"", b"two,", b"three")


@way
def empty_generator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Generate nothing."""
    start_response("200 OK", [TEXT])
    yield from ()


@way
def late_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Call start_response only when iterated, behind an empty part."""
    yield b""
    start_response("200 OK", [TEXT])
    yield b"late"


@way
def write(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Write, then answer a rest."""
    put = start_response("200 OK", [TEXT])
    put(b"written,")
    put(b"")
    put(b"again,")
    return [b"returned"]


@way
def large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 4 MiB."""
    start_response("200 OK", [TEXT])
    return [LARGE]


@way
def large_generator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Generate 4 MiB."""
    start_response("200 OK", [TEXT])
    for at in range(0, len(LARGE), 100_000):
        yield LARGE[at : at + 100_000]


@way
def replaced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Begin well, then turn to an error page before anything is out."""
    start_response("200 OK", [TEXT, ("X-Begun", "yes")])
    try:
        raise ValueError("late")
    except ValueError:
        start_response("503 Service Unavailable", [TEXT], sys.exc_info())
    return [b"replaced"]


def _wrap(environ: WSGIEnvironment, file: Any, size: int = 8192) -> Iterable[bytes]:
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, size)
    return wrapped


def _file(environ: WSGIEnvironment) -> Path:
    return Path(environ["QUERY_STRING"])


@way
def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a file, from its 2nd octet on."""
    start_response("200 OK", [TEXT])
    opened = _file(environ).open("rb")
    opened.seek(1)
    return _wrap(environ, opened)


@way
def part_of_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer the first three octets of a file."""
    start_response("206 Partial Content", [TEXT, ("Content-Length", "3")])
    return _wrap(environ, _file(environ).open("rb"))


@way
def part_of_buffer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer the first three octets of what is no file."""
    start_response("206 Partial Content", [TEXT, ("Content-Length", "3")])
    return _wrap(environ, io.BytesIO(b"in memory"), 2)


@way
def buffer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer what is no file."""
    start_response("200 OK", [TEXT])
    return _wrap(environ, io.BytesIO(b"in memory"), 2)


@way
def unzipped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a file with octets other than those on disk."""
    start_response("200 OK", [TEXT])
    return _wrap(environ, gzip.open(_file(environ)))


@way
def kernel_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a file whose size the kernel doesn't tell."""
    start_response("200 OK", [TEXT])
    return _wrap(environ, Path("/proc/self/cmdline").open("rb"))


@way
def close(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer parts that note when they are closed."""
    start_response("200 OK", [TEXT])
    return Closing(environ["QUERY_STRING"], [b"a", b"b"])


@way
def close_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer those with a length."""
    start_response("200 OK", [TEXT, ("Content-Length", "2")])
    return Closing(environ["QUERY_STRING"], [b"a", b"b"])


@way
def endless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer without end."""
    start_response("200 OK", [TEXT])
    return Closing(environ["QUERY_STRING"], iter(lambda: b"x" * 65536, b""))


@way
def closed_(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer what was closed so far."""
    start_response("200 OK", [TEXT])
    return [" ".join(closed).encode()]


@way
def errors(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Write to wsgi.errors."""
    stream = environ["wsgi.errors"]
    stream.write("noted by the application\n")
    stream.writelines(["line 1\n", "line 2\n"])
    stream.flush()
    start_response("200 OK", [TEXT])
    return [b"ok"]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer so."""
    return ways[environ["PATH_INFO"]](environ, start_response)


validated = validator(app)

"""Break PEP 3333 in the way that the path says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

TEXT = ("Content-Type", "text/plain")
mistakes: dict[str, Callable[[dict[str, Any], Any], Any]] = {}


def mistake(function: Callable[[dict[str, Any], Any], Any]) -> Callable[[dict[str, Any], Any], Any]:
    """Register *function* under its name."""
    mistakes["/" + function.__name__.replace("_", "-")] = function
    return function


def answers(status: Any, headers: Any, body: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Return an application that calls start_response so."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers)
        return body

    return app


mistakes |= {
    "/str": answers("200 OK", [TEXT], ["text"]),
    "/bytes": answers("200 OK", [TEXT], b"text"),
    "/none": answers("200 OK", [TEXT], None),
    "/number": answers("200 OK", [TEXT], 1),
    "/str-among-parts": answers("200 OK", [TEXT], iter([b"first", "second"])),
    "/bad-status": answers("OK", [TEXT], [b""]),
    "/bytes-status": answers(b"200 OK", [TEXT], [b""]),
    "/interim-status": answers("100 Continue", [TEXT], [b""]),
    "/injected-status": answers("200 OK\r\nX: y", [TEXT], [b""]),
    "/no-list": answers("200 OK", {"Content-Type": "text/plain"}, [b""]),
    "/no-pair": answers("200 OK", [("Content-Type", "text/plain", "x")], [b""]),
    "/bytes-header": answers("200 OK", [(b"Content-Type", b"text/plain")], [b""]),
    "/number-header": answers("200 OK", [("X-Number", 1)], [b""]),
    "/bad-name": answers("200 OK", [("X Name", "x")], [b""]),
    "/injected-header": answers("200 OK", [("X-Value", "a\r\nSet-Cookie: b")], [b""]),
    "/beyond-latin-1": answers("200 OK", [("X-Value", "\u20ac")], [b""]),
    "/hop-by-hop": answers("200 OK", [("Transfer-Encoding", "chunked")], [b""]),
    "/too-long": answers("200 OK", [TEXT, ("Content-Length", "2")], [b"abc"]),
    "/too-short": answers("200 OK", [TEXT, ("Content-Length", "5")], [b"abc"]),
    "/too-long-stream": answers("200 OK", [TEXT, ("Content-Length", "2")], iter([b"abc"])),
    "/too-short-stream": answers("200 OK", [TEXT, ("Content-Length", "5")], iter([b"abc"])),
    "/two-lengths": answers("200 OK", [("Content-Length", "1"), ("Content-Length", "2")], [b"a"]),
}


@mistake
def no_start(environ: dict[str, Any], start_response: Any) -> Any:
    """Don't call start_response."""
    return [b"text"]


@mistake
def no_start_no_body(environ: dict[str, Any], start_response: Any) -> Any:
    """Don't call start_response, and answer nothing."""
    return []


@mistake
def twice(environ: dict[str, Any], start_response: Any) -> Any:
    """Call start_response twice."""
    start_response("200 OK", [TEXT])
    start_response("200 OK", [TEXT])
    return [b"text"]


@mistake
def written_str(environ: dict[str, Any], start_response: Any) -> Any:
    """Write what is not bytes."""
    start_response("200 OK", [TEXT])("text")
    return []


@mistake
def raises(environ: dict[str, Any], start_response: Any) -> Any:
    """Fail at once."""
    raise LookupError("a failure of the application")


@mistake
def raises_late(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Fail when a part is out."""
    start_response("200 OK", [TEXT])
    yield b"begun"
    raise LookupError("a late failure of the application")


@mistake
def raises_late_with_length(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Fail when a part of a known length is out."""
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    yield b"begun"
    raise LookupError("a late failure of the application")


def _fail() -> bytes:
    raise LookupError("an early failure of the application")


@mistake
def raises_before_any_part(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Fail in the first step."""
    start_response("200 OK", [TEXT])
    yield _fail()


@mistake
def too_late_for_an_error_page(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Give exc_info when a part is out."""
    start_response("200 OK", [TEXT])
    yield b"begun"
    try:
        raise LookupError("what exc_info was about")
    except LookupError:
        start_response("500 Oops", [TEXT], sys.exc_info())
    yield b"never"


class _Closing:
    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        raise LookupError("a failure in close")


@mistake
def raises_in_close(environ: dict[str, Any], start_response: Any) -> Any:
    """Fail when everything was said."""
    start_response("200 OK", [TEXT])
    return _Closing([b"whole"])


@mistake
def exits(environ: dict[str, Any], start_response: Any) -> Any:
    """End the worker."""
    sys.exit(3)


@mistake
def fine(environ: dict[str, Any], start_response: Any) -> Any:
    """Make no mistake."""
    start_response("200 OK", [TEXT])
    return [b"fine"]


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Make that mistake."""
    return mistakes[environ["PATH_INFO"]](environ, start_response)

"""Read the content of the request in the way that the path says, and answer with what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator


def read_in_steps(content: Any, size: int) -> list[bytes]:
    """Return blocks of *size* octets up to the end."""
    return list(iter(lambda: content.read(size), b""))


WAYS: dict[str, Callable[[Any], Any]] = {
    "/read": lambda content: content.read(-1),
    "/steps": lambda content: read_in_steps(content, 3),
    "/blocks": lambda content: b"".join(read_in_steps(content, 65536)),
    "/line": lambda content: [content.readline(), content.read(-1)],
    "/some-of-line": lambda content: [content.readline(2), content.readline(100)],
    "/lines": lambda content: content.readlines(),
    "/lines-by-hint": lambda content: content.readlines(3),
    "/iterate": list,
    "/beyond": lambda content: [content.read(1000), content.read(1), content.readline()],
    "/nothing-of-it": lambda content: [content.read(0), content.readline(0), content.read(-1)],
    "/length": lambda content: len(content.read(-1)),
    "/ignore": lambda content: b"",
}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read so; answer bytes as they are, anything else as Python writes it."""
    got = WAYS[environ["PATH_INFO"]](environ["wsgi.input"])
    body = got if isinstance(got, bytes) else repr(got).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def careless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer first, then read: what comes is the request's length, or the error as text."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"begun\n")
    try:
        body = str(len(environ["wsgi.input"].read(-1)))
    except OSError as error:
        body = f"{type(error).__name__}: {error.strerror}"
    return [body.encode()]


def caught(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer what reading the content raises, twice."""
    errors = []
    for _ in range(2):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            errors.append(type(error).__name__)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(errors).encode()]


kept: list[Any] = []


def keep(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Keep everything of the first request and use it in the second."""
    answers = []
    for content, start, write in kept:
        for use in (content.read, lambda: start("200 OK", []), lambda: write(b"x")):  # noqa: B023
            try:
                use()
                answers.append("worked")
            except (ValueError, AssertionError) as error:
                answers.append(f"{type(error).__name__}")
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    kept[:] = [(environ["wsgi.input"], start_response, write)]
    return [" ".join(answers).encode()]


def thief(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Take everything out of the environ."""
    environ.clear()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"taken"]


validated = validator(app)

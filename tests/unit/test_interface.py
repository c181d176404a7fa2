"""Which kind of handler an object is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial, wraps
from typing import Any

import pytest

from fastfork.interface import candidates, may_be, socket_handler


def wsgi(environ: Any, start_response: Any) -> Any: ...
async def asgi(scope: Any, receive: Any, send: Any) -> None: ...
async def stream(reader: Any, writer: Any) -> None: ...
async def greedy(*args: Any) -> None: ...
async def with_option(reader: Any, writer: Any, limit: int = 0) -> None: ...
async def with_keyword(scope: Any, receive: Any, send: Any, *, debug: bool = False) -> None: ...
async def with_four(a: Any, b: Any, c: Any, d: Any) -> None: ...


async def generator(scope: Any, receive: Any, send: Any) -> AsyncIterator[None]:
    yield


@wraps(asgi)
async def wrapped(*args: Any) -> None: ...


class Framework:
    """Look like Starlette."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def handle(self, reader: Any, writer: Any) -> None: ...


class Site:
    """Look like Flask."""

    def __call__(self, environ: Any, start_response: Any) -> Any: ...


class PerRequest:
    """A class whose instances are responses (PEP 3333)."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...


class Double:
    """Look like an application of ASGI 2."""

    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class Marked:
    """Say of an instance that it is one of ASGI 2."""

    _asgi_double_callable = True

    def __call__(self, scope: Any) -> Any: ...


class Slotted:
    """Keep in the instance what is called, as Sentry's middleware does."""

    __slots__ = ("__call__",)

    def __init__(self, call: Any) -> None:
        self.__call__ = call


class Echo(asyncio.Protocol): ...


HANDLERS = {
    "function": (wsgi, ("wsgi",)),
    "lambda": (lambda environ, start_response: [], ("wsgi",)),
    "builtin": (print, ("wsgi",)),
    "instance": (Site(), ("wsgi",)),
    "class": (PerRequest, ("wsgi",)),
    "coroutine function": (asgi, ("asgi",)),
    "instance with async call": (Framework(), ("asgi",)),
    "class with async call": (Framework, ("wsgi",)),
    "class of ASGI 2": (Double, ("asgi",)),
    "instance marked as ASGI 2": (Marked(), ("asgi",)),
    "wrapper that says what it wraps": (wrapped, ("asgi",)),
    "with a keyword of its own": (with_keyword, ("asgi",)),
    "instance that keeps what is called": (Slotted(asgi), ("asgi",)),
    "marked": (socket_handler(lambda sock, address: None), ("socket",)),
    "stream": (stream, ("stream",)),
    "bound method": (Framework().handle, ("stream",)),
    "partial": (partial(asgi, {}), ("stream",)),
    "partial of a partial": (partial(partial(with_four, 1)), ("asgi",)),
    "protocol": (Echo, ("protocol",)),
    "any number of arguments": (greedy, ("stream", "asgi")),
    "a third that may be left out": (with_option, ("stream", "asgi")),
    "four arguments": (with_four, ()),
    "async generator": (generator, ()),
}


@pytest.mark.parametrize(("found", "expected"), HANDLERS.values(), ids=HANDLERS.keys())
def test_a_handler_is_told_from_the_arguments_it_takes(
    found: Any, expected: tuple[str, ...]
) -> None:
    assert candidates(found) == expected


@pytest.mark.parametrize(
    ("found", "interface", "expected"),
    [
        (wsgi, "asgi", True),
        (Site(), "protocol", True),
        (greedy, "stream", True),
        (greedy, "wsgi", False),
        (asgi, "socket", False),
        (PerRequest, "socket", False),
        (Echo, "protocol", True),
        (Double, "asgi", True),
        (Double, "wsgi", False),
    ],
)
def test_only_a_plain_function_may_be_anything(found: Any, interface: str, expected: bool) -> None:
    assert may_be(found, interface) is expected

"""Which kind of handler an object is, from what can be seen without calling it."""

from __future__ import annotations

import sys
from typing import Any

CALLED = {
    "wsgi": "a WSGI application, app(environ, start_response)",
    "asgi": "an ASGI application, async app(scope, receive, send)",
    "stream": "a stream handler, async handler(reader, writer)",
    "protocol": "a factory of asyncio protocols",
}
"""Each interface, and how it is called in a message."""

_BY_ARGUMENTS = {2: "stream", 3: "asgi"}

_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200


def candidates(found: Any) -> tuple[str, ...]:
    """Return the interfaces that the callable *found* can be meant for: most often one.

    None at all: no interface awaits a function that takes so many arguments, or one that yields.
    """
    if isinstance(found, type):
        return ("protocol",) if _is_protocol(found) else ("wsgi",)
    flags = _flags(found)
    if flags & _CO_ASYNC_GENERATOR:
        return ()
    if not flags & _CO_COROUTINE:
        return ("wsgi",)
    return tuple(kind for count, kind in _BY_ARGUMENTS.items() if _takes(found, count))


def _is_protocol(found: type) -> bool:
    protocols = sys.modules.get("asyncio.protocols")  # who has not imported it has none
    return protocols is not None and issubclass(found, protocols.BaseProtocol)


def _flags(found: Any) -> int:
    """Return the flags of the code that runs when *found* is called."""
    while type(found).__name__ == "partial" and hasattr(found, "func"):
        found = found.func
    if not hasattr(getattr(found, "__func__", found), "__code__"):
        found = type(found).__call__
    code = getattr(getattr(found, "__func__", found), "__code__", None)
    flags: int = getattr(code, "co_flags", 0)
    return flags


def _takes(found: Any, count: int) -> bool:
    from inspect import signature

    try:
        signature(found).bind(*range(count))
    except TypeError:
        return False
    return True

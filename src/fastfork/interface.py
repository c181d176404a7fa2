"""Which kind of handler an object is, from what can be seen without calling it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    C = TypeVar("C", bound=Callable[..., object])

CALLED = {
    "wsgi": "a WSGI application, app(environ, start_response)",
    "asgi": "an ASGI application, async app(scope, receive, send)",
    "stream": "a stream handler, async handler(reader, writer)",
    "protocol": "a factory of asyncio protocols",
    "socket": "a socket handler, handler(sock, address)",
}
"""Each interface, and how it is called in a message."""

ON_A_LOOP = frozenset({"asgi", "stream", "protocol"})
"""What runs on an asyncio loop, many at once in a thread."""

RAW = frozenset({"stream", "protocol", "socket"})
"""What gets connections as they are, without HTTP."""

_BY_ARGUMENTS = {2: "stream", 3: "asgi"}

_CO_VARARGS = 0x04
_CO_COROUTINE = 0x80
_CO_ASYNC_GENERATOR = 0x200

_MARK = "__fastfork_interface__"


class Handler(NamedTuple):
    """What is served."""

    call: Callable[..., Any]
    interface: str
    """A key of `CALLED`."""


def socket_handler(handler: C) -> C:
    """Mark *handler*: it is called as handler(sock, address), may block, and owns *sock* until it returns."""
    setattr(handler, _MARK, "socket")
    return handler


def candidates(found: Any) -> tuple[str, ...]:
    """Return the interfaces that the callable *found* can be meant for: most often one.

    None at all: no interface awaits a function that takes so many arguments, or one that yields.
    """
    if mark := getattr(found, _MARK, None):
        return (mark,)
    if is_double_callable(found):
        return ("asgi",)
    if isinstance(found, type):
        return ("protocol",) if _is_protocol(found) else ("wsgi",)
    found = _called(found)
    flags = _flags(found)
    if flags & _CO_ASYNC_GENERATOR:
        return ()
    if not flags & _CO_COROUTINE:
        return ("wsgi",)
    return tuple(kind for count, kind in _BY_ARGUMENTS.items() if _takes(found, count))


def may_be(found: Any, interface: str) -> bool:
    """Whether the callable *found* can be taken for *interface* when somebody says that it is.

    What a plain function returns when it is called is for its author to know.
    """
    kinds = candidates(found)
    return interface in kinds or (kinds == ("wsgi",) and not isinstance(found, type))


def is_double_callable(found: Any) -> bool:
    """Whether *found* is an ASGI 2 application for sure: `await found(scope)(receive, send)`.

    A class shows it; a function can only be marked, in the way that asgiref's compatibility module reads.
    """
    if isinstance(found, type):
        call: Any = getattr(found, "__call__", None)  # noqa: B004 - that of instances, to look at
        return is_coroutine_function(call) and _takes(found, 1) and _takes(call, 3)
    return getattr(found, "_asgi_double_callable", None) is True


def takes_at_most(found: Any) -> int | None:
    """Return how many arguments *found* takes by position at most; None: any, or its code does not say."""
    called = _called(found)
    code = getattr(getattr(called, "__func__", called), "__code__", None)
    if code is None or code.co_flags & _CO_VARARGS:
        return None
    is_bound = getattr(called, "__self__", None) is not None
    return int(code.co_argcount) - is_bound


def single_callable(found: Callable[..., Any]) -> Callable[..., Any]:
    """Return the double-callable *found* as an ASGI 3 application."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await found(scope)(receive, send)

    return application


def is_coroutine_function(found: Any) -> bool:
    """Whether calling *found* gives a coroutine."""
    return bool(_flags(found) & _CO_COROUTINE)


def _is_protocol(found: type) -> bool:
    protocols = sys.modules.get("asyncio.protocols")  # who has not imported it has none
    return protocols is not None and issubclass(found, protocols.BaseProtocol)


def _called(found: Any) -> Any:
    """Return the function, method or partial that runs when *found* is called."""
    if _is_partial(found) or hasattr(getattr(found, "__func__", found), "__code__"):
        return found
    # As calling does it, by the type: what is found there may itself be kept in the instance.
    call = type(found).__call__
    return call.__get__(found, type(found)) if hasattr(call, "__get__") else call


def _flags(found: Any) -> int:
    """Return the flags of its code."""
    while _is_partial(found):
        found = _called(found.func)
    code = getattr(getattr(found, "__func__", found), "__code__", None)
    flags: int = getattr(code, "co_flags", 0)
    return flags


def _is_partial(found: Any) -> bool:
    return type(found).__name__ == "partial" and hasattr(found, "func")


def _takes(found: Any, count: int) -> bool:
    from inspect import signature

    try:
        signature(found).bind(*range(count))
    except TypeError:
        return False
    return True

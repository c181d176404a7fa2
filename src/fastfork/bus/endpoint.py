"""A process at the bus: what it says, and what it does with what it hears."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from msgspec.msgpack import Decoder

from fastfork._native.bus import packed
from fastfork.errors import BusFailed, BusFull, BusTimeout, BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastfork._native.bus import Link
    from fastfork.bus.handlers import Handler, Handlers

# By enum ff_frame_kind.
PUBLISH, SEND, REQUEST, REPLY, FAIL, SUBSCRIBE, RESPOND, READY, CANDIDATE, RESIGN, LEAD = range(
    1, 12
)

RAW = 1


class Failure(IntEnum):
    """Why there is no answer; by enum ff_frame_failure."""

    NOBODY = 0
    FULL = 1
    DIED = 2
    RAISED = 3
    AWAY = 4
    LOST = 5


_decode = Decoder().decode


class Mouth(Protocol):
    """What both ends can do."""

    def say(
        self,
        kind: int,
        flags: int,
        topic: str,
        octets: bytes,
        to: int = 0,
        id: int = 0,  # noqa: A002
        now: bool = False,
    ) -> bool:
        """Pass a message on; return False if it found no room."""

    def tell(self, kind: int, topic: str, message: object, to: int = 0) -> bool:
        """Likewise, with a message that is still to be packed."""


class Endpoint:
    """One end of the bus, with the functions that messages are given to."""

    def __init__(
        self, mouth: Mouth, handlers: Handlers, *, on_error: Callable[[str, BaseException], None]
    ) -> None:
        self.mouth = mouth
        self.handlers = handlers
        self._on_error = on_error
        self.on_lead: Callable[[], None] | None = None
        self.finish: Callable[[Handler, str, Awaitable[Any]], object] = _no_loop
        """Runs the rest of an async handler: itself, a topic, and what calling it gave."""
        self.finish_answer: Callable[[int, str, Awaitable[Any]], object] = _no_loop
        """Runs the rest of an async responder, and passes its answer on: to which request, to what name."""

    def announce(self) -> None:
        """Tell the hub what this process wants to hear."""
        for pattern in dict.fromkeys(pattern for pattern, _ in self.handlers.patterns):
            self.mouth.say(SUBSCRIBE, 0, pattern, b"")
        for name in self.handlers.responders:
            self.mouth.say(RESPOND, 0, name, b"")
        self.mouth.say(READY, 0, "", b"", now=True)

    def take(self, kind: int, flags: int, number: int, topic: str, octets: bytes) -> None:
        """Do what a message says that is for this process itself."""
        if kind == REQUEST:
            self._respond(number, topic, flags, octets)
        elif kind == LEAD and self.on_lead:
            self.on_lead()

    def fail(self, topic: str, error: BaseException) -> None:
        """Log what a handler of *topic* has raised."""
        self._on_error(f"bus: {topic!r}", error)

    def answer(self, number: int, answer: Any) -> None:
        """Answer the request *number*. Raises TypeError for what can't be sent."""
        flags, octets = packed(answer)
        if not self.mouth.say(REPLY, flags, "", octets, id=number, now=True):
            self.mouth.say(FAIL, Failure.FULL, "", b"", id=number, now=True)

    def refuse(self, number: int, topic: str, error: BaseException) -> None:
        """Say that the request *number* has failed, and why."""
        self._on_error(f"bus: the responder {topic!r}", error)
        told = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace")[:1000]
        self.mouth.say(FAIL, Failure.RAISED, "", told, id=number, now=True)

    def _respond(self, number: int, topic: str, flags: int, octets: bytes) -> None:
        try:
            message = octets if flags & RAW else _decode(octets)
            answer = self.handlers.responders[topic](message)
            if answer is not None and hasattr(answer, "__await__"):
                self.finish_answer(number, topic, answer)
            else:
                self.answer(number, answer)
        except Exception as error:
            self.refuse(number, topic, error)


def _no_loop(_: object, topic: str, rest: Awaitable[Any]) -> NoReturn:
    if isinstance(rest, Coroutine):
        rest.close()
    raise TypeError(
        f"{topic!r}: an async function can't run in the master, which has no event loop"
    )


def ask(link: Link, name: str, message: Any, timeout: float | None) -> Any:
    """Return the answer of whoever responds to *name*; raise a BusError if there is none."""
    flags, octets = packed(message)
    try:
        answer = link.request(REQUEST, flags, name, octets, timeout)
    except TimeoutError:
        raise BusTimeout(f"{name!r} gave no answer within {timeout:g} s") from None
    except BrokenPipeError:
        raise BusUnavailable("the master is gone") from None
    if answer is None:
        raise BusFull(f"too many messages wait already: the request to {name!r} was not sent")
    return opened(name, *answer)


def opened(name: str, kind: int, flags: int, octets: bytes) -> Any:
    """Return what an answer to a request to *name* says; raise the BusError that it tells of."""
    if kind == FAIL:
        raise _failure(flags, name, octets.decode("utf-8", "replace"))
    return octets if flags & RAW else _decode(octets)


def _failure(why: int, name: str, told: str) -> Exception:
    if why == Failure.NOBODY:
        return BusUnavailable(f"no worker responds to {name!r}: is there an @bus.responder for it?")
    if why == Failure.FULL:
        return BusFull(
            f"too many messages wait already for who responds to {name!r}, or for its answer"
        )
    if why == Failure.DIED:
        return BusFailed(f"the worker that worked on the request to {name!r} died")
    if why == Failure.AWAY:
        return BusUnavailable(f"no worker here responds to {name!r}, and of other servers: {told}")
    if why == Failure.LOST:
        return BusFailed(f"the answer to the request to {name!r} is lost: {told}")
    return BusFailed(f"{name!r} raised {told}")

"""Messages between workers, and to the master: at most once, in order for each sender.

    @bus.subscribe("cache.*")
    def drop(topic, message, sender): ...

    bus.publish("cache.invalidate", {"key": 42})     # every worker that subscribed, this one too
    bus.send(3, "hello", topic="cache.hello")        # the worker in slot 3
    answer = bus.request("thumbnailer", image, timeout=2)

A message is anything that msgpack can hold (dict, list, str, bytes, numbers, datetime, dataclass,
msgspec.Struct; what arrives is made of dicts and lists), up to 64 MiB. bytes pass through as they are.
Every function here works in every thread. Handlers run one after the other, on a thread of their own, or
on the event loop of a worker that has one (ASGI): what they do there must be quick, or awaited. Handlers,
responders and duties of the leader may be async functions; an async handler gets its next message when it is
done with this one, async responders work beside each other.

On a loop, `await arequest(...)`; and publish what is larger than 64 KiB by `asyncio.to_thread`, as it waits
until the master has taken it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastfork._native.bus import MASTER
from fastfork.bus.endpoint import PUBLISH, RESPOND, SEND, SUBSCRIBE, ask
from fastfork.bus.handlers import Handlers
from fastfork.bus.worker import Worker
from fastfork.errors import BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.bus.endpoint import Endpoint
    from fastfork.bus.leadership import Duty

    F = TypeVar("F", bound=Callable[..., Any])

_of_workers, _of_master = Handlers(), Handlers()
duties: list[Duty] = []
_here: Worker | Endpoint | None = None
"""This process at the bus; None outside a server."""


def publish(topic: str, message: Any) -> None:
    """Give *message* to every worker that subscribed to *topic*, this one too. Outside a server: nothing."""
    here = _here
    if here is not None:
        try:
            if not here.mouth.tell(PUBLISH, topic, message):
                _insist(here, PUBLISH, topic, message, 0)
        except BrokenPipeError:
            pass  # the master is gone, and this worker follows


def send(to: int | str, message: Any, *, topic: str = "") -> None:
    """Give *message* to the worker in slot *to*, or to the "master", if it subscribed to *topic*."""
    here = _here
    if here is not None:
        slot = MASTER if to == "master" else int(to)
        try:
            if not here.mouth.tell(SEND, topic, message, slot):
                _insist(here, SEND, topic, message, slot)
        except BrokenPipeError:
            pass  # as above


def request(name: str, message: Any = None, *, timeout: float | None = 30.0) -> Any:
    """Return what the responder *name* answers, in one of the workers that have it.

    Raises BusTimeout after *timeout* seconds (None: never), BusFull if too much waits already, BusFailed if
    the responder raised an exception or died, BusUnavailable if there is none, or no server here.
    """
    return ask(_worker().link, name, message, timeout)


async def arequest(name: str, message: Any = None, *, timeout: float | None = 30.0) -> Any:  # noqa: ASYNC109
    """As `request`, for asyncio: the loop goes on meanwhile."""
    return await _worker().answers.ask(name, message, timeout)


def subscribe(pattern: str, *, master: bool = False) -> Callable[[F], F]:
    """Call the function below with (topic, message, sender) for what has a topic like *pattern*.

    A * at the end of *pattern* stands for any rest. *sender* is a slot, or "master". With *master* it is
    called in the master instead, if that has imported it (`fastfork.run`): it must be quick, nothing is
    dealt meanwhile.
    """

    def add(handler: F) -> F:
        (_of_master if master else _of_workers).subscribe(pattern, handler)
        _tell(SUBSCRIBE, pattern, master=master)
        return handler

    return add


def responder(name: str, *, master: bool = False) -> Callable[[F], F]:
    """Let the function below answer requests to *name*: it gets the message and returns the answer."""

    def add(function: F) -> F:
        (_of_master if master else _of_workers).responders[name] = function
        _tell(RESPOND, name, master=master)
        return function

    return add


def leader(duty: F) -> F:
    """Run the function below in exactly one worker, in a thread of its own; an async one on its loop.

    It gets a threading.Event (async: an asyncio.Event) and should return when that is set: this worker ends
    then, and another one leads as soon as the function has returned, or the worker is gone.
    """
    duties.append(duty)
    if isinstance(_here, Worker):
        _here.lead(duty)
    return duty


def handlers_of(*, master: bool) -> Handlers:
    """Return the handlers that run in the master, or those that run in workers. For the server."""
    return _of_master if master else _of_workers


def enter(here: Worker | Endpoint | None) -> None:
    """Make this process a part of the bus, or none. For the server."""
    global _here
    _here = here


def _insist(here: Worker | Endpoint, kind: int, topic: str, message: Any, to: int) -> None:
    while isinstance(here, Worker) and here.waits_for_room():
        if here.link.tell(kind, topic, message, to):
            break


def _worker() -> Worker:
    if isinstance(_here, Worker):
        return _here
    where = "outside a fastfork server" if _here is None else "in the master, which must not wait"
    raise BusUnavailable(f"there is no request {where}")


def _tell(kind: int, name: str, *, master: bool) -> None:
    if _here is None or master is isinstance(_here, Worker):
        return
    if isinstance(_here, Worker):
        _here.listen()
    _here.mouth.say(kind, 0, name, b"", now=True)

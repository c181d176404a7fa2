"""An application whose workers talk to each other."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import fastfork
from fastfork import bus

heard: list[Any] = []
led = fastfork.Gauge("leaders")


@bus.subscribe("fastfork.gap")
@bus.subscribe("note.*")
def note(topic: str, message: Any, sender: int | str) -> None:
    """Remember what was said."""
    heard.append([topic, message, sender])


@bus.subscribe("note.bad")
def bad(topic: str, message: Any, sender: int | str) -> None:
    """Fail."""
    raise ValueError(f"can't use {message}")


@bus.subscribe("block")
def block(topic: str, message: Any, sender: int | str) -> None:
    """Read nothing more until the gate is opened."""
    with open(message, "rb") as fifo:
        fifo.read()


@bus.responder("who")
def who(message: Any) -> Any:
    """Answer with our pid and the message."""
    return [os.getpid(), message]


@bus.responder("octets")
def octets(message: bytes) -> bytes:
    """Give octets back, backwards."""
    return message[::-1]


@bus.responder("fail")
def fail(message: Any) -> Any:
    """Fail."""
    raise LookupError(f"no {message}")


@bus.responder("die")
def die(message: Any) -> Any:
    """Die of the question."""
    os._exit(9)


@bus.responder("never")
def never(message: Any) -> Any:
    """Answer when it is too late."""
    time.sleep(0.3)


@bus.responder("through")
def through(message: Any) -> Any:
    """Ask another one, from inside a handler."""
    return bus.request("who", message, timeout=5)


@fastfork.leader
def lead(stop: threading.Event) -> None:
    """Lead, and count those who do: never two."""
    led.set(1)
    heard.append("leads" if led.value == 1 else "leads beside another one")
    stop.wait()
    led.set(0)


def publish(query: dict[str, str]) -> Any:
    """Publish what the query says, as often as it says."""
    for n in range(int(query.get("times", "1"))):
        bus.publish(query["topic"], query.get("message", n))


def send(query: dict[str, str]) -> Any:
    """Send to one slot."""
    bus.send(int(query["to"]), query["message"], topic="note.direct")


def ask(query: dict[str, str]) -> Any:
    """Ask, and say what came of it."""
    try:
        return bus.request(
            query["name"], query.get("message"), timeout=float(query.get("timeout", "5"))
        )
    except fastfork.BusError as error:
        return f"{type(error).__name__}: {error}"


def ask_in_a_loop(query: dict[str, str]) -> Any:
    """Ask three at once, from asyncio."""

    async def all_three() -> Any:
        return await asyncio.gather(*(bus.arequest("who", n) for n in range(3)))

    return [message for _, message in asyncio.run(all_three())]


def ask_in_threads(query: dict[str, str]) -> Any:
    """Ask from many threads; say whether each got its own answer."""
    right: list[bool] = []

    def run(thread: int) -> None:
        asked = [[thread, n] for n in range(100)]
        right.extend(bus.request("who", one, timeout=5)[1] == one for one in asked)

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(right) == 800 and all(right)


def big(query: dict[str, str]) -> Any:
    """Send many octets there and back."""
    message = os.urandom(1024) * int(query["kilobytes"])
    return bus.request("octets", message, timeout=30) == message[::-1]


def child(query: dict[str, str]) -> Any:
    """Say something from a child, which is no part of the bus."""
    pid = os.fork()
    if pid == 0:
        bus.publish("note.child", 1)
        os._exit(isinstance(ask({"name": "who"}), str) - 1)
    return os.waitpid(pid, 0)[1]


def state(query: dict[str, str]) -> Any:
    """Say what we have heard, and how many lead."""
    return {
        "slot": fastfork.worker_slot(),
        "pid": os.getpid(),
        "heard": heard,
        "leaders": led.value,
    }


def stand(query: dict[str, str]) -> Any:
    """Do nothing until the gate is opened; then say what we have heard."""
    with open(query["path"], "rb") as fifo:
        fifo.read()
    return state(query)


ROUTES: dict[str, Callable[[dict[str, str]], Any]] = {
    f"/{route.__name__}": route
    for route in (publish, send, ask, ask_in_a_loop, ask_in_threads, big, child, state, stand)
}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Do what the path says."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    body = json.dumps(ROUTES[environ["PATH_INFO"]](query)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

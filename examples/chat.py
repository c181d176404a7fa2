"""Workers that talk: fastfork serve examples.chat:app -w 4

curl localhost:8000/say?hello    every worker hears it, whoever was asked
curl localhost:8000/             what this worker has heard
curl localhost:8000/upper?abc    some worker computes it
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from threading import Event
from typing import TYPE_CHECKING

import fastfork
from fastfork import bus

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

heard: deque[str] = deque(maxlen=10)


@bus.subscribe("chat.*")
def hear(topic: str, message: str, sender: int | str) -> None:
    """Remember it; runs on the bus thread of every worker."""
    heard.append(f"{topic} from worker {sender}: {message}\n")


@bus.responder("upper")
def upper(text: str) -> str:
    """Compute something for whoever asks."""
    return f"{text.upper()} (by worker {fastfork.worker_slot()})\n"


@fastfork.leader
def clock(stop: Event) -> None:
    """Say the time to all, from exactly one worker, until it ends."""
    while not stop.wait(10):
        bus.publish("chat.clock", time.strftime("%H:%M:%S"))


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Say, ask, or list."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/say":
        bus.publish("chat.line", query)
    if path == "/upper":
        return [bus.request("upper", query, timeout=2).encode()]
    return [line.encode() for line in heard]

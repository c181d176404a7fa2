"""Work beside requests: fastfork serve examples.background:app -w 4

curl localhost:8000/upper?abc    some worker computes it, whoever was asked
curl localhost:8000/clock        what the one leader has announced to all
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Event
from typing import TYPE_CHECKING

import fastfork
from fastfork import bus

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

last = "nothing yet"


@fastfork.leader
def clock(stop: Event) -> None:
    """Say the time to all workers, from exactly one of them; another one goes on when it ends."""
    while not stop.is_set():
        bus.publish("clock", time.strftime("%H:%M:%S"))
        stop.wait(1)


@bus.subscribe("clock")
def hear(topic: str, message: str, sender: int | str) -> None:
    """Remember it; runs on the bus thread of every worker."""
    global last
    last = f"{message}, says worker {sender}"


@bus.responder("upper")
def upper(text: str) -> str:
    """Compute something for whoever asks, in the worker with the fewest of them to do."""
    return f"{text.upper()} (by worker {fastfork.worker_slot()})"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Ask another worker, or say what was heard."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    if environ["PATH_INFO"] == "/upper":
        return [f"{bus.request('upper', environ['QUERY_STRING'], timeout=2)}\n".encode()]
    return [f"{last}\n".encode()]

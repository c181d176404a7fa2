"""An asynchronous application whose workers talk to each other."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import Any

import fastfork
from fastfork import bus

heard: list[Any] = []
led = fastfork.Gauge("leaders")


def _where() -> str:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return "elsewhere"
    is_main = threading.current_thread() is threading.main_thread()
    return "on the loop" if is_main else "on another loop"


@bus.subscribe("note.*")
def note(topic: str, message: Any, sender: int | str) -> None:
    """Remember what was said, and where this ran."""
    heard.append(["plain", message, _where()])


@bus.subscribe("note.*")
async def note_later(topic: str, message: Any, sender: int | str) -> None:
    """Likewise, a little later."""
    await asyncio.sleep(0.001)
    heard.append(["async", message, _where()])


@bus.responder("who")
async def who(message: Any) -> Any:
    """Answer with our pid and the message."""
    await asyncio.sleep(0.001)
    return [os.getpid(), message]


@fastfork.leader
async def lead(stop: asyncio.Event) -> None:
    """Lead, and count those who do."""
    led.add(1)
    heard.append(["leads", None, _where()])
    await stop.wait()
    led.add(-1)


async def ask_many() -> Any:
    """Ask a hundred times at once."""
    return await asyncio.gather(*(bus.arequest("who", n, timeout=5) for n in range(100)))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Do what the path says."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    said: Any = None
    if scope["path"] == "/publish":
        for n in range(100):
            bus.publish("note.x", n)
    elif scope["path"] == "/ask":
        said = await ask_many()
    elif scope["path"] == "/ask-in-a-thread":
        said = await asyncio.to_thread(bus.request, "who", "x", timeout=5)
    else:
        said = {"pid": os.getpid(), "heard": heard, "leaders": led.value}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})

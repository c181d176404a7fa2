"""An ASGI application that writes down what it is told, in the file HOOKS; half of its hooks are async."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import fastfork


def note(what: str) -> None:
    """Write it down."""
    with open(os.environ["HOOKS"], "a") as notes:
        notes.write(f"{os.getpid()} {what}\n")


@fastfork.on_worker_start
async def open_pool(slot: int) -> None:
    """Wait a little, as what connects does."""
    await asyncio.sleep(0)
    note(f"on_worker_start {slot}")


@fastfork.on_ready
def say(slot: int) -> None:
    """Be a plain function."""
    note(f"on_ready {slot}")


@fastfork.on_worker_stop
async def close_pool(slot: int) -> None:
    """Use the loop that the pool was opened on."""
    await asyncio.sleep(0)
    note(f"on_worker_stop {slot}")


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Note the lifespan, and answer as HEALTH says."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            told = (await receive())["type"]
            note(told)
            await send({"type": f"{told}.complete"})
        return
    note(f"request {scope['path']}")
    status = int(os.environ.get("HEALTH", "200")) if scope["path"] == "/health" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"noted"})

"""Hold WebSockets in the way that the path says; tell by HTTP how they ended, and of tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ended: dict[int, list[int]] = {}
"""The code and the octets of each WebSocket that is over, by the port of its client."""
wake = asyncio.Event()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Serve it."""
    if scope["type"] == "http":
        await answer(scope["path"], send)
    elif scope["type"] == "websocket":
        assert (await receive())["type"] == "websocket.connect"
        await converse(scope, receive, send)


async def answer(path: str, send: Send) -> None:
    """Say how it stands; /wake lets who is deaf read."""
    if path == "/wake":
        wake.set()
    elif path == "/sleep":
        wake.clear()
    said = {"ended": ended, "tasks": len(asyncio.all_tasks())}
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


async def converse(scope: Message, receive: Receive, send: Send) -> None:
    """Refuse, or give back what comes; who is deaf reads only when it is woken, and says nothing."""
    path = scope["path"]
    if path == "/refuse":
        await send({"type": "websocket.close"})
    elif path == "/answer":
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        part = {"type": "websocket.http.response.body", "body": b"no ", "more_body": True}
        await send(part)
        await send({"type": "websocket.http.response.body", "body": b"entry"})
    else:
        await send({"type": "websocket.accept"})
        if path == "/deaf":
            await wake.wait()
        octets = 0
        while (message := await receive())["type"] == "websocket.receive":
            octets += len(message.get("text") or message.get("bytes") or "")
            if path == "/echo":
                with suppress(OSError):  # it has left, which is the next to be received
                    await send({**message, "type": "websocket.send"})
        ended[scope["client"][1]] = [message["code"], octets]

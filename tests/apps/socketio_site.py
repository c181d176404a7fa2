"""Socket.IO: rooms and answers, over WebSocket and over long polling."""

from __future__ import annotations

from typing import Any

import socketio

import fastfork

server = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(server)


async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
    """Let in who is named."""
    return bool(auth)


async def shout(sid: str, text: str) -> dict[str, Any]:
    """Tell everybody here, and answer who said it."""
    await server.emit("shouted", text.upper())
    return {"slot": fastfork.worker_slot(), "length": len(text)}


server.on("connect", connect)
server.on("shout", shout)

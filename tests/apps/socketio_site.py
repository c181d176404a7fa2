"""Socket.IO: rooms and answers, over WebSocket and over long polling."""

from __future__ import annotations

from typing import Any

import socketio

import fastfork

server = socketio.AsyncServer(
    # A poll whose client has gone ends with the next ping: tests wait for it.
    async_mode="asgi",
    ping_interval=2,
    ping_timeout=2,
)
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

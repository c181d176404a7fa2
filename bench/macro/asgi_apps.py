"""What ASGI servers are asked: JSON by FastAPI, and `plain`: bodies, streams and WebSockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PART = b"x" * 65_536
PARTS = 16  # of a stream


async def plain(scope: Message, receive: Receive, send: Send) -> None:
    """Echo a body, send a stream of 1 MiB at /stream, and what comes by WebSocket."""
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    length = str(len(PART) * PARTS if scope["path"] == "/stream" else len(body)).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(PARTS if scope["path"] == "/stream" else 0):
        await send({"type": "http.response.body", "body": PART, "more_body": True})
    await send({"type": "http.response.body", "body": body})


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def fastapi() -> Any:
    """Return a FastAPI application that answers with JSON."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def root(page: int = 1) -> dict[str, object]:
        return {"page": page, "items": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]}

    return app

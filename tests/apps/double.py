"""Applications of ASGI 2, called twice: the scope first, then the channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from asgiref.compatibility import guarantee_single_callable
from asgiref.wsgi import WsgiToAsgi

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Double:
    """Answer a request with what is in it, and give a WebSocket its words back."""

    def __init__(self, scope: Message) -> None:
        """Take a scope that ASGI 2 had."""
        if scope["type"] not in ("http", "websocket"):
            raise LookupError(f"no application for {scope['type']}")
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Serve it."""
        if self.scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({**await receive(), "type": "websocket.send"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"content-type", b"text/plain"), (b"x-path", self.scope["path"].encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b", and that is all"})


def marked(scope: Message) -> Callable[[Receive, Send], Awaitable[None]]:
    """Do the same as a function, which nobody can tell without its mark."""
    return Double(scope).__call__


marked._asgi_double_callable = True  # type: ignore[attr-defined]

guaranteed = guarantee_single_callable(Double)  # type: ignore[no-untyped-call]


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Do the same in WSGI, for requests."""
    body = environ["wsgi.input"].read()
    headers = [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])]
    start_response("202 Accepted", headers)
    return [body, b", and that is all"]


bridged = WsgiToAsgi(plain)  # type: ignore[no-untyped-call]

"""From a request for a WebSocket to the application's conversation with its client (RFC 6455, 4.2)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from fastfork.worker.conversation import Conversation
from fastfork.worker.websocket import options_of, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.asgi import Exchange, Tunnel
    from fastfork.settings import Settings
    from fastfork.worker.websocket import Fields, Refusal


class Handshakes:
    """Runs *application* for each request that asks for a WebSocket."""

    def __init__(
        self,
        application: Callable[..., Any],
        settings: Settings,
        *,
        on_error: Callable[[str, BaseException | None], None],
    ) -> None:
        self._application = application
        self._options = options_of(settings)
        self._on_error = on_error

    async def run(self, scope: dict[str, Any], exchange: Exchange) -> None:
        """Answer the handshake; converse until one side has enough."""
        if refusal := refusal_of(scope["headers"]):
            await _refuse(exchange, refusal)
            return
        conversation = Conversation(
            scope,
            self._options,
            upgrade=partial(_open, exchange),
            respond=exchange.send,
            on_error=self._on_error,
        )
        error: BaseException | None = None
        try:
            await self._application(scope, conversation.receive, conversation.send)
        except (Exception, asyncio.CancelledError) as raised:
            error = raised
        await conversation.finish(error)


def _open(exchange: Exchange, fields: Fields, conversation: Conversation) -> Tunnel:
    tunnel = exchange.tunnel(conversation)
    head = b"".join(b"%s: %s\r\n" % field for field in fields)
    tunnel.push(b"HTTP/1.1 101 Switching Protocols\r\n" + head + b"\r\n")
    asyncio.get_running_loop().call_soon(tunnel.resume)
    return tunnel


async def _refuse(exchange: Exchange, refusal: Refusal) -> None:
    await exchange.send(
        {"type": "http.response.start", "status": refusal.status, "headers": refusal.fields}
    )
    await exchange.send({"type": "http.response.body", "body": refusal.reason})

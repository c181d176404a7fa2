"""The master at the bus: the hub passes messages on in C; here are only those to the master itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastfork import bus
from fastfork._native.bus import Post
from fastfork.bus.endpoint import Endpoint
from fastfork.log import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.log import Log
    from fastfork.settings import Settings


def open_post(
    dispatcher: Dispatcher, settings: Settings, *, log: Log
) -> tuple[Post, Callable[[], None]]:
    """Make this process the middle of the bus; return it, and what is to be called when it has mail."""
    post = Post(dispatcher, limit=settings.bus_queue, overflow=settings.bus_overflow)

    def tell(what: str, error: BaseException) -> None:
        told = f"{escape(what)}: {error!r}"
        log.error(told)

    endpoint = Endpoint(post, bus.handlers_of(master=True), on_error=tell)
    bus.enter(endpoint)
    endpoint.announce()
    return post, lambda: post.deliver(endpoint)

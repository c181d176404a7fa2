"""Handlers that get a connection as a socket, in a thread of their own, and may block."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from fastfork._native import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.lane import Lane

_EVER = 10 * 365 * 86_400.0


def serve(
    lane: Lane,
    handler: Callable[[socket.socket, Any], object],
    *,
    on_error: Callable[[str, BaseException | None], None],
) -> None:
    """Call *handler(sock, address)* for each connection of *lane*, until the lane ends.

    The connection ends when *handler* returns. What it raises is logged.
    """

    def handle(fd: int, client: tuple[str, int] | None) -> None:
        with socket.socket(fileno=os.dup(fd)) as sock:
            # It waits as a blocking one does; a blocking descriptor would block the master, which shares it.
            sock.settimeout(_EVER)
            try:
                handler(sock, client or "")
            except Exception as error:
                if not isinstance(error, ConnectionError):
                    on_error("the socket handler failed", error)

    raw.serve(lane, handle)

"""What change.py serves: slow to import or large, as variables say; it answers with its pid."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))

# Half of it small objects, as code is: each use writes to its reference count.
_MIB = int(os.environ.get("IMPORT_MB", "0"))
BLOBS = [bytes([n % 256]) * 65_536 for n in range(_MIB * 8)]
TABLE = {f"key-{n}": (n + 0.5, f"value-{n}") for n in range(_MIB * 2200)}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer, having looked a few things up."""
    body = str(os.getpid()).encode()
    for n in range(20):
        TABLE.get(f"key-{n * 997}")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer in the same way."""
    body = str(os.getpid()).encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})

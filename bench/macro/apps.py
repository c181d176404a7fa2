"""The applications under load: the least that is still an application."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

BODY = b"Hello, World!"
LENGTH = str(len(BODY))


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say hello by WSGI."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", LENGTH)])
    return [BODY]


def slot(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say which worker answers; for fastfork only."""
    from fastfork import worker_slot  # the peers run without it

    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(worker_slot()).encode()]


def work(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Block for ?s= seconds, as on a database; the body is ?i=, or else the pid of who answers.

    A POST first notes its ?i= in the file $BENCH_RUNS: one line each time that it runs.
    """
    query = dict(part.split("=") for part in environ["QUERY_STRING"].split("&") if part)
    if environ["REQUEST_METHOD"] == "POST":
        with open(os.environ["BENCH_RUNS"], "ab", buffering=0) as runs:
            runs.write(query["i"].encode() + b"\n")
    time.sleep(float(query.get("s", "0")))
    body = query.get("i", str(os.getpid())).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def hello_asgi(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Say hello by ASGI."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", LENGTH.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})

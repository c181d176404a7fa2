"""Break ASGI 3.0 in the way that the path says, or do what is hard to get right."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

TEXT = (b"content-type", b"text/plain")
paths: dict[str, Application] = {}
seen: list[str] = []


def at_path(function: Application) -> Application:
    """Register *function* under its name."""
    paths["/" + function.__name__.replace("_", "-")] = function
    return function


def start(status: Any = 200, headers: Any = (TEXT,), **more: Any) -> Message:
    """Return http.response.start."""
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def part(body: Any = b"", **more: Any) -> Message:
    """Return http.response.body."""
    return {"type": "http.response.body", "body": body, **more}


def sends(*messages: Any) -> Application:
    """Return an application that sends *messages*."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


paths |= {
    "/fine": sends(start(), part(b"fine")),
    "/nothing": sends(),
    "/no-body": sends(start()),
    "/no-start": sends(part(b"text")),
    "/no-end": sends(start(), part(b"text", more_body=True)),
    "/two-starts": sends(start(), start()),
    "/too-long": sends(start(headers=[(b"content-length", b"2")]), part(b"abc")),
    "/too-short": sends(start(headers=[(b"content-length", b"5")]), part(b"abc")),
    "/too-long-stream": sends(
        start(headers=[(b"content-length", b"2")]), part(b"abc", more_body=True), part()
    ),
    "/too-short-stream": sends(
        start(headers=[(b"content-length", b"5")]), part(b"abc", more_body=True), part()
    ),
    "/str": sends(start(), part("text")),
    "/bad-status": sends(start(status="200 OK"), part()),
    "/interim-status": sends(start(status=100), part()),
    "/str-header": sends(start(headers=[("content-type", "text/plain")]), part()),
    "/injected-header": sends(start(headers=[(b"x", b"a\r\nset-cookie: b")]), part()),
    "/hop-by-hop": sends(start(headers=[(b"transfer-encoding", b"chunked")]), part()),
    "/unknown-message": sends({"type": "http.response.push"}),
    "/after-the-end": sends(start(), part(b"fine"), part(b"more")),
    "/trailers": sends(
        start(trailers=True),
        part(b"text"),
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"4")]},
    ),
    "/hints": sends(
        {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]},
        start(),
        part(b"fine"),
    ),
}


@at_path
async def raises(scope: Message, receive: Receive, send: Send) -> None:
    """Fail before the response."""
    raise LookupError("a failure of the application")


@at_path
async def raises_after_start(scope: Message, receive: Receive, send: Send) -> None:
    """Fail when nothing of the response is out."""
    await send(start())
    raise LookupError("a failure behind the start")


@at_path
async def raises_late(scope: Message, receive: Receive, send: Send) -> None:
    """Fail when a part of the response is out."""
    await send(start())
    await send(part(b"text", more_body=True))
    raise LookupError("a late failure")


@at_path
async def raises_behind(scope: Message, receive: Receive, send: Send) -> None:
    """Fail when the response is complete."""
    await send(start())
    await send(part(b"fine"))
    raise LookupError("a failure behind the response")


@at_path
async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Send back each part of the body when it comes."""
    await send(start())
    more = True
    while more:
        message = await receive()
        more = message["more_body"]
        await send(part(message["body"], more_body=more))


@at_path
async def sink(scope: Message, receive: Receive, send: Send) -> None:
    """Read until something else comes than content."""
    while (message := await receive())["type"] == "http.request":
        pass
    seen.append(f"sink {message['type']}")


@at_path
async def wait(scope: Message, receive: Receive, send: Send) -> None:
    """Wait for the client's end."""
    await receive()
    message = await receive()
    seen.append(f"wait {message['type']}")


@at_path
async def endless(scope: Message, receive: Receive, send: Send) -> None:
    """Send until the client is gone."""
    await send(start())
    try:
        while True:
            await send(part(b"x" * 65536, more_body=True))
    except OSError as error:
        seen.append(f"endless {type(error).__name__}")
        raise


@at_path
async def background(scope: Message, receive: Receive, send: Send) -> None:
    """Work on behind the response."""
    await send(start())
    await send(part(b"fine"))
    message = await receive()
    await asyncio.sleep(0.05)
    seen.append(f"background {message['type']}")


@at_path
async def hang(scope: Message, receive: Receive, send: Send) -> None:
    """Never answer, and mind it when that is ended."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append("hang cancelled")
        raise


@at_path
async def gate(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with the pid when the file that the query names is there."""
    path = scope["query_string"].decode()
    while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240 - a test outside opens it
        await asyncio.sleep(0.01)
    await send(start())
    await send(part(str(os.getpid()).encode()))


@at_path
async def block(scope: Message, receive: Receive, send: Send) -> None:
    """Keep the loop from running anything else."""
    print("the loop is blocked", flush=True)
    while True:
        pass


@at_path
async def hold(scope: Message, receive: Receive, send: Send) -> None:
    """Tell the pid, and then nothing more."""
    await send(start())
    await send(part(b"%d\n" % os.getpid(), more_body=True))
    await receive()
    await receive()


@at_path
async def pid(scope: Message, receive: Receive, send: Send) -> None:
    """Tell the pid."""
    await send(start())
    await send(part(str(os.getpid()).encode()))


@at_path
async def modern(scope: Message, receive: Receive, send: Send) -> None:
    """Use what needs a real task."""
    task = asyncio.current_task()
    assert task is not None
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
    await send(start())
    await send(part(type(asyncio.get_running_loop()).__module__.encode()))


@at_path
async def seen_so_far(scope: Message, receive: Receive, send: Send) -> None:
    """Tell what was seen."""
    await send(start())
    await send(part("\n".join(seen).encode()))


@at_path
async def state(scope: Message, receive: Receive, send: Send) -> None:
    """Tell, and change, the state of the lifespan."""
    told = repr(sorted(scope["state"].items())).encode()
    scope["state"]["changed"] = True
    await send(start())
    await send(part(told))


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Do what the path says."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["began"] = 1
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("the lifespan has ended", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    await paths[scope["path"]](scope, receive, send)

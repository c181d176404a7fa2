"""The applications under load: the least that is still an application."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, cast

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

FILE = Path(__file__).parent / ".cache" / "1mb"
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


async def hello_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Say hello by ASGI."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", LENGTH.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


# One question each, by WSGI and (with _asgi) by ASGI; the body is BODIES[name].

KB100, MB1 = b"x" * 102_400, b"x" * (1 << 20)
PART = b"x" * 65_536
JSON = b'{"page": 1, "items": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]}'
BODIES = {
    "hello": BODY,
    "pid": None,
    "echo": JSON,
    "large": KB100,
    "huge": MB1,
    "upload": b"1048576",
    "stream": PART * 16,
    "file": MB1,
    "flask": BODY,
    "django": BODY,
    "fastapi": b'{"page":1,"items":[{"id":1,"name":"one"},{"id":2,"name":"two"}]}',
}


def _answer(start_response: Callable[..., Any], body: bytes) -> Iterable[bytes]:
    length = ("Content-Length", str(len(body)))
    start_response("200 OK", [("Content-Type", "application/octet-stream"), length])
    return [body]


def pid(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say which process answers."""
    return _answer(start_response, str(os.getpid()).encode())


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Read JSON and answer it."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    said = json.loads(environ["wsgi.input"].read(length) or b"null")
    return _answer(start_response, json.dumps(said).encode())


def large(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 100 KB."""
    return _answer(start_response, KB100)


def huge(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 1 MB."""
    return _answer(start_response, MB1)


def upload(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Read all of the body; answer how long it was."""
    total, read = 0, environ["wsgi.input"].read
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (part := read(min(65_536, left))):
        total += len(part)
        left -= len(part)
    return _answer(start_response, str(total).encode())


def stream(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 1 MB in 16 parts, whose length is not said before."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (PART for _ in range(16))


def file(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a file of 1 MB, by wsgi.file_wrapper where there is one."""
    opened = FILE.open("rb")
    length = ("Content-Length", str(1 << 20))
    start_response("200 OK", [("Content-Type", "application/octet-stream"), length])
    wrap = environ.get("wsgi.file_wrapper")
    return cast("Iterable[bytes]", wrap(opened) if wrap else iter(lambda: opened.read(65_536), b""))


async def _answer_asgi(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body_of(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def pid_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `pid`."""
    await _answer_asgi(send, str(os.getpid()).encode())


async def echo_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `echo`."""
    await _answer_asgi(send, json.dumps(json.loads(await _body_of(receive) or b"null")).encode())


async def large_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `large`."""
    await _answer_asgi(send, KB100)


async def huge_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `huge`."""
    await _answer_asgi(send, MB1)


async def upload_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `upload`."""
    total, more = 0, True
    while more:
        message = await receive()
        total += len(message.get("body", b""))
        more = message.get("more_body", False)
    await _answer_asgi(send, str(total).encode())


async def stream_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """As `stream`."""
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(16):
        await send({"type": "http.response.body", "body": PART, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def chat_asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Say again what comes by WebSocket; hello to all else."""
    if scope["type"] != "websocket":  # also the lifespan, which a server may wait for
        await hello_asgi(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def __getattr__(name: str) -> Any:
    """Make an application on a framework; who asks for none need not have any."""
    make = {"flask": _flask, "django": _django, "fastapi_asgi": _fastapi}.get(name)
    if make is None:
        raise AttributeError(name)
    return make()


def _flask() -> Any:
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def root() -> tuple[str, dict[str, str]]:
        return BODY.decode(), {"Content-Type": "text/plain"}

    return app


def _django() -> Any:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    if not settings.configured:
        urls = type("Urls", (), {"urlpatterns": [path("", lambda request: HttpResponse(BODY))]})
        settings.configure(SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls)
        import django

        django.setup()
    return WSGIHandler()


def _fastapi() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def root(page: int = 1) -> dict[str, object]:
        return {"page": page, "items": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]}

    return app

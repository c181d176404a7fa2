"""Say what of the request arrived, as JSON: the same for each interface, so one table of cases serves all.

Some paths misbehave instead, in the way that their name says.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Fields = list[tuple[str, str]]

TEXT = ("Content-Type", "text/plain")

# path: status, fields, parts of the body
ANSWERS: dict[str, tuple[int, Fields, list[bytes]]] = {
    "/204": (204, [], []),
    "/204-with-body": (204, [TEXT, ("Content-Length", "4")], [b"body"]),
    "/205-with-body": (205, [TEXT], [b"body"]),
    "/205-with-length": (205, [TEXT, ("Content-Length", "4")], [b"body"]),
    "/304": (304, [("ETag", '"x"')], []),
    "/304-with-body": (304, [TEXT, ("Content-Length", "4")], [b"body"]),
    "/404": (404, [TEXT], [b"nothing here"]),
    "/501": (501, [TEXT], [b"no such method"]),
    "/stream": (200, [TEXT], [b"one,", b"two,", b"three"]),
    "/length": (200, [TEXT, ("Content-Length", "4")], [b"body"]),
    "/short": (200, [TEXT, ("Content-Length", "10")], [b"body"]),
    "/long": (200, [TEXT, ("Content-Length", "4")], [b"bo", b"dy and more"]),
    "/without-reason": (299, [TEXT, ("Content-Length", "4")], [b"body"]),
    "/close": (200, [TEXT, ("Content-Length", "4"), ("Connection", "close")], [b"body"]),
    "/date": (200, [TEXT, ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "x")], [b"body"]),
    "/cr": (200, [TEXT, ("X-A", "a\rb")], [b"body"]),
    "/lf": (200, [TEXT, ("X-A", "a\nSet-Cookie: b")], [b"body"]),
    "/crlf": (200, [TEXT, ("X-A", "a\r\n\r\nb")], [b"body"]),
    "/nul": (200, [TEXT, ("X-A", "a\0b")], [b"body"]),
    "/bad-name": (200, [TEXT, ("X A", "b")], [b"body"]),
    "/empty-name": (200, [TEXT, ("", "b")], [b"body"]),
    "/bad-length": (200, [TEXT, ("Content-Length", "+4")], [b"body"]),
    "/two-lengths": (200, [TEXT, ("Content-Length", "4"), ("Content-Length", "5")], [b"body"]),
    "/keep-alive-field": (200, [TEXT, ("Keep-Alive", "timeout=5")], [b"body"]),
    "/chunked-field": (200, [TEXT, ("Transfer-Encoding", "chunked")], [b"body"]),
    "/upgrade-field": (200, [TEXT, ("Upgrade", "h2c")], [b"body"]),
}


def seen(method: str, target: str, path: str, query: str, fields: Fields, version: str) -> Scope:
    """Return what of the head arrived; names as CGI spells them, values of one name joined."""
    joined: dict[str, str] = {}
    for name, value in fields:
        key = name.upper().replace("-", "_")
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return {
        "method": method,
        "target": target,
        "path": path,
        "query": query,
        "version": version,
        "host": joined.get("HOST"),
        "fields": joined,
    }


def reasons(path: str, status: int) -> str:
    """Return the status line for *status*."""
    return f"{status} " if path == "/without-reason" else f"{status} Whatever"


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer by WSGI."""
    path = environ["PATH_INFO"]
    if path in ANSWERS:
        status, given, parts = ANSWERS[path]
        start_response(reasons(path, status), list(given))
        return iter(parts)
    if path == "/unread":
        start_response("200 OK", [TEXT, ("Content-Length", "4")])
        return [b"body"]
    if path == "/early":
        environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload; as=style")])
        start_response("200 OK", [TEXT, ("Content-Length", "4")])
        return [b"body"]
    if path == "/fails-late":
        return fails_late(start_response)
    fields = [(key[5:], value) for key, value in environ.items() if key.startswith("HTTP_")]
    fields += [(key, environ[key]) for key in ("CONTENT_LENGTH", "CONTENT_TYPE") if key in environ]
    said = seen(
        environ["REQUEST_METHOD"],
        environ["RAW_URI"],
        path,
        environ["QUERY_STRING"],
        fields,
        environ["SERVER_PROTOCOL"].removeprefix("HTTP/"),
    )
    return answer(said, environ["wsgi.input"].read(), start_response)


def answer(said: Scope, body: bytes, start_response: StartResponse) -> list[bytes]:
    """Answer with *said* and *body* as JSON."""
    text = json.dumps({**said, "body": body.decode("latin-1")}).encode()
    start_response("200 OK", [TEXT, ("Content-Length", str(len(text)))])
    return [text]


def fails_late(start_response: StartResponse) -> Iterator[bytes]:
    """Give a part, then raise."""
    start_response("200 OK", [TEXT])
    yield b"part"
    raise RuntimeError("failed on purpose")


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by ASGI."""
    if scope["type"] != "http":
        raise RuntimeError("only http is spoken here")
    path = scope["path"]
    if path in ANSWERS:
        status, given, parts = ANSWERS[path]
        await start(send, status, given)
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
        return
    if path in ("/unread", "/early"):
        if path == "/early":
            link = b"</style.css>; rel=preload; as=style"
            await send({"type": "http.response.early_hint", "links": [link]})
        await start(send, 200, [TEXT, ("Content-Length", "4")])
        await send({"type": "http.response.body", "body": b"body"})
        return
    if path == "/fails-late":
        await start(send, 200, [TEXT])
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise RuntimeError("failed on purpose")
    body = await whole(receive)
    if body is None:
        return
    raw = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    said = seen(
        scope["method"],
        f"{raw}?{query}" if query else raw,
        path,
        query,
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        scope["http_version"],
    )
    text = json.dumps({**said, "body": body.decode("latin-1")}).encode()
    await start(send, 200, [TEXT, ("Content-Length", str(len(text)))])
    await send({"type": "http.response.body", "body": text})


async def start(send: Send, status: int, fields: Fields) -> None:
    """Send the head of an answer."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def whole(receive: Receive) -> bytes | None:
    """Return the content of the request; None if the client left before its end."""
    parts = []
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        parts.append(event.get("body", b""))
        if not event.get("more_body", False):
            return b"".join(parts)

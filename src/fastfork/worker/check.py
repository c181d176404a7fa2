"""The request that a worker must answer before it gets others (`--check`), asked inside the worker."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fastfork.app import failed
from fastfork.errors import AppImportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHOWN = 500


def ask_wsgi(
    call: Callable[..., Any], path: str, *, server: tuple[str, str], root_path: str
) -> None:
    """Ask the WSGI application *call* for *path*; raise AppImportError unless it answers 2xx."""
    path, _, query = path.partition("?")
    told: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": root_path,
        "PATH_INFO": path.removeprefix(root_path),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[1],
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": "fastfork-check",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }

    written: list[bytes] = []

    def start_response(status: str, *_: object, **__: object) -> object:
        told[:] = [status]
        return written.append

    try:
        content = call(environ, start_response)
        body = _all_of(content)
    except (Exception, SystemExit) as error:
        raise failed(f"the check of {path}", error) from None
    judge(path, status=told[0] if told else "nothing", body=b"".join(written) + body)


async def ask_asgi(
    call: Callable[..., Any],
    path: str,
    *,
    server: tuple[str, str],
    root_path: str,
    state: dict[str, Any] | None,
) -> None:
    """Ask the ASGI application *call*, on the loop that runs, as `ask_wsgi` does."""
    import asyncio

    path, _, query = path.partition("?")
    status, parts = "nothing", [b""]
    asked = False
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": root_path,
        "headers": [(b"host", b"localhost"), (b"user-agent", b"fastfork-check")],
        "client": ("127.0.0.1", 0),
        "server": (server[0], int(server[1])),
        **({} if state is None else {"state": state.copy()}),
    }

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if asked:  # the client stays until it has its answer
            await asyncio.get_running_loop().create_future()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = str(message["status"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    try:
        await call(scope, receive, send)
    except (Exception, SystemExit) as error:
        raise failed(f"the check of {path}", error) from None
    judge(path, status=status, body=b"".join(parts))


def judge(path: str, *, status: str, body: bytes) -> None:
    """Raise AppImportError unless *status* is 2xx."""
    if not status.startswith("2"):
        shown = body[:_SHOWN].decode("utf-8", "replace").strip()
        raise AppImportError(f"the check of {path} was answered {status}\n{shown}".rstrip())


def _all_of(content: Iterable[bytes]) -> bytes:
    try:
        return b"".join(content)
    finally:
        if hasattr(content, "close"):
            content.close()

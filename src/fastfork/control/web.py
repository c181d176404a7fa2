"""A web server for a few small pages: the master's own, which must never wait for anybody.

GET and HEAD only; one request for each connection; an answer is sent in one piece or not at all.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastfork.control.server import Watch

_CLIENTS_MAX = 32
_HEAD_MAX = 16_384
_ROOM = 1 << 20
"""Octets that the kernel should take at once (it may know better)."""

_LINE = re.compile(rb"(\S+) (/[^ ?#]*)\S* HTTP/1\.[01]\r?\n")

# The pages are for one's own eyes: from no other origin, in no frame, with nothing from elsewhere.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:"
)
_FIELDS = (
    "Connection: close",
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
    "Referrer-Policy: no-referrer",
    f"Content-Security-Policy: {_POLICY}",
)
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


class Page(msgspec.Struct, frozen=True):
    """An answer."""

    body: bytes
    kind: str = "text/plain; charset=utf-8"
    status: int = 200


def answer(head: bytes, pages: Mapping[str, Callable[[], Page]]) -> bytes:
    """Return the octets that answer a request with *head*."""
    line = _LINE.match(head)
    method, path = line.groups() if line else (b"", b"")
    if line is None:
        page = Page(b"This is no request.\n", status=400)
    elif method not in (b"GET", b"HEAD"):
        page = Page(b"Only GET and HEAD are allowed here.\n", status=405)
    elif make := pages.get(path.decode("latin-1")):
        page = make()
    else:
        page = Page(f"There are: {' '.join(pages)}\n".encode(), status=404)
    fields = [
        f"HTTP/1.1 {page.status} {_REASONS[page.status]}",
        f"Content-Type: {page.kind}",
        f"Content-Length: {len(page.body)}",
        *(["Allow: GET, HEAD"] if page.status == 405 else []),
        *_FIELDS,
    ]
    rendered = "\r\n".join([*fields, "", ""]).encode()
    return rendered if method == b"HEAD" else rendered + page.body


class WebServer:
    """Answers on a listening socket, by *pages*."""

    def __init__(
        self,
        fd: int,
        pages: Mapping[str, Callable[[], Page]],
        *,
        watch: Watch,
        unwatch: Callable[[int], None],
    ) -> None:
        """Take the listening socket *fd*, which stays yours."""
        self._pages = pages
        self._listener = socket.socket(fileno=fd)
        self._watch = watch
        self._unwatch = unwatch
        self._heads: dict[socket.socket, bytes] = {}
        """What each client has said so far, the oldest first."""
        watch(fd, self._accept)

    def close(self) -> None:
        """End every connection."""
        for client in list(self._heads):
            self._leave(client)
        self._unwatch(self._listener.fileno())
        self._listener.detach()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # gone again, or we are out of descriptors
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
        if len(self._heads) >= _CLIENTS_MAX:
            self._leave(next(iter(self._heads)))  # it has been silent for longest
        self._heads[client] = b""
        self._watch(client.fileno(), lambda: self._read(client))

    def _read(self, client: socket.socket) -> None:
        try:
            octets = client.recv(_HEAD_MAX)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        head = self._heads[client] = self._heads[client] + octets
        is_whole = b"\r\n\r\n" in head or b"\n\n" in head
        if is_whole:
            self._answer(client, head)
        if is_whole or not octets or len(head) > _HEAD_MAX:
            self._leave(client)

    def _answer(self, client: socket.socket, head: bytes) -> None:
        try:
            client.send(answer(head, self._pages))
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone, or reads nothing: we wait for nobody

    def _leave(self, client: socket.socket) -> None:
        del self._heads[client]
        self._unwatch(client.fileno())
        client.close()

"""The admin address: health, metrics and status over HTTP, answered by the master itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastfork._native.dispatcher import HISTOGRAM_ENDS
from fastfork.control.protocol import json_of
from fastfork.control.web import Page, WebServer
from fastfork.errors import ConfigError
from fastfork.supervisor.binds import parse_bind
from fastfork.supervisor.listeners import open_listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.control.server import Watch
    from fastfork.log import Log
    from fastfork.supervisor.census import Census
    from fastfork.supervisor.listeners import Listener

_BACKLOG = 64
_PAGE = Path(__file__).parents[1] / "metrics" / "page.html"


class Admin:
    """Its listener is opened at once, so that a wrong address is known before anything starts."""

    def __init__(
        self,
        address: str,
        *,
        inherited: Listener | None,
        census: Census,
        state: Callable[[], str],
        log: Log,
    ) -> None:
        """Listen on *address*, or go on with a listener that is *inherited*. Raises FastforkError."""
        try:
            from fastfork.metrics.exposition import CONTENT_TYPE, exposition
        except ImportError as error:
            raise ConfigError(
                f"admin: {error}; install it with: pip install prometheus-client"
            ) from None
        self._exposition = exposition
        self._metrics_kind = CONTENT_TYPE
        self._page = Page(_PAGE.read_bytes(), "text/html; charset=utf-8")
        self._census = census
        self._state = state
        self._server: WebServer | None = None
        self.listener: Listener = (
            inherited or open_listeners([parse_bind(address)], backlog=_BACKLOG)[0]
        )
        self._log = log

    def serve(self, *, watch: Watch, unwatch: Callable[[int], None]) -> None:
        """Answer from now on."""
        pages = {
            "/": lambda: self._page,
            "/healthz": lambda: Page(b"ok\n"),
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/status.json": self._status,
        }
        self._log.info(f"Admin at: {self.listener.url}")
        self._server = WebServer(self.listener.fd, pages, watch=watch, unwatch=unwatch)

    def close(self) -> None:
        """End every connection and close the listener."""
        if self._server:
            self._server.close()
        self.listener.close()

    def _ready(self) -> Page:
        state = self._state()
        return Page(f"{state}\n".encode(), status=200 if state == "serving" else 503)

    def _metrics(self) -> Page:
        took, waited = self._census.times()
        found = self._census.look()
        return Page(
            self._exposition(found, took=took, waited=waited, ends=HISTOGRAM_ENDS),
            self._metrics_kind,
        )

    def _status(self) -> Page:
        return Page(json_of(self._census.look()), "application/json")

"""A worker whose application runs on an asyncio loop: many requests at once, in the main thread."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from fastfork._native import asgi
from fastfork.errors import StartError
from fastfork.interface import RAW
from fastfork.worker.check import ask_asgi
from fastfork.worker.lifespan import Lifespan
from fastfork.worker.wires import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from fastfork._native.lane import Lane
    from fastfork._native.logs import AccessLines
    from fastfork.bus.worker import Worker
    from fastfork.interface import Handler
    from fastfork.settings import Settings

    LogError = Callable[[str, BaseException | None], None]

_LAST_WORDS = 2.0
"""Seconds of the graceful time that are kept for what follows the last request."""


def prepare(settings: Settings) -> None:
    """Import what a loop needs: once, before workers are forked, and before one says that it is ready."""
    loop_factory(settings.loop)
    with suppress(ModuleNotFoundError):
        import fastfork.worker.handshake  # noqa: F401 - without the extra there are no WebSockets


class LoopCrew:
    """Runs the requests of a lane, as `Crew` does those of threads.

    *here* is the bus, whose handlers run on the same loop. *leave* ends a process that the application
    forked.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        handler: Handler,
        *,
        settings: Settings,
        servers: Sequence[tuple[str, str]],
        here: Worker,
        access_log: AccessLines | None,
        on_error: LogError,
        leave: Callable[[], NoReturn],
    ) -> None:
        self._lane = lanes[0]
        self._application, self._interface = handler
        self._settings = settings
        self._servers = servers
        self._here = here
        self._access_log = access_log
        self._on_error = on_error
        self._leave = leave
        self._pid = os.getpid()
        self._runner = asyncio.Runner(loop_factory=loop_factory(settings.loop))
        self._is_raw = handler.interface in RAW
        lifespan = "off" if self._is_raw else settings.lifespan
        self._lifespan = Lifespan(handler.call, mode=lifespan, on_error=on_error)
        self._upgrade = _handshakes(handler.call, settings, on_error=on_error)
        self._connections: Connections
        self._state: dict[str, Any] | None = None
        self._gateway: asgi.Gateway

    def start(self) -> None:
        """Start the application. Raises AppImportError if it says that it can't."""
        within = self._settings.boot_timeout or None
        self._here.run_on(self._runner.get_loop())
        self._state = self._runner.run(self._lifespan.startup(within=within))
        loop = self._runner.get_loop()
        self._connections = Connections(
            self._application,
            self._interface,
            loop=loop,
            servers=self._servers,
            on_error=self._on_error,
        )
        self._gateway = asgi.Gateway(
            self._lane,
            self._connections.take if self._is_raw else self._application,
            loop=loop,
            servers=self._servers,
            on_error=self._on_error,
            access_log=self._access_log,
            root_path=self._settings.root_path,
            state=self._state,
            timeout=self._settings.timeout,
            upgrade=self._upgrade,
        )

    def on_loop(self, work: Coroutine[Any, Any, object]) -> object:
        """Run *work* to its end, while nothing is served."""
        return self._runner.run(work)

    def check(self, path: str) -> None:
        """Ask for *path*. Raises AppImportError unless the answer is 2xx."""
        root_path, server = self._settings.root_path, self._servers[0]
        asking = ask_asgi(
            self._application, path, server=server, root_path=root_path, state=self._state
        )
        self._runner.run(asking)

    def serve(self) -> None:
        """Serve until the lane has ended, then end the application."""
        self._runner.run(self._serve())
        if os.getpid() != self._pid:  # a child that the application forked comes out here, too
            self._leave()

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    def leave(self) -> None:
        """Let the lane end when what it runs is finished; also from a signal handler."""
        self._lane.drain()

    def detach(self) -> None:
        """Let go of the lane, in a child that the application forked."""
        self._lane.detach()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        within = self._settings.graceful_timeout
        gateway, connections = self._gateway, self._connections
        gateway.start()
        try:
            await gateway.leaving
            deadline = loop.time() + within
            if os.getpid() == self._pid:
                in_time = max(within - _LAST_WORDS, within / 2)
                await self._finish(gateway, connections, within=in_time)
                await self._here.stop(within=max(deadline - loop.time(), 0.1))
                await self._lifespan.shutdown(within=max(deadline - loop.time(), 0.5))
        finally:
            gateway.close()

    async def _finish(
        self, gateway: asgi.Gateway, connections: Connections, *, within: float
    ) -> None:
        """Let what runs come to its end, and what follows a response, too; cancel what takes longer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        await asyncio.wait({gateway.stopped}, timeout=within)
        if tasks := [*gateway.tasks, *connections.tasks]:
            _, late = await asyncio.wait(tasks, timeout=max(deadline - loop.time(), 0))
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_LAST_WORDS / 4)
        await asyncio.wait({gateway.stopped}, timeout=_LAST_WORDS / 4)


def _handshakes(
    application: Callable[..., Any], settings: Settings, *, on_error: LogError
) -> Callable[..., Any] | None:
    try:
        from fastfork.worker.handshake import Handshakes
    except ModuleNotFoundError:  # the extra is not installed: Upgrade is ignored, as HTTP allows
        return None
    return Handshakes(application, settings, on_error=on_error).run


def loop_factory(kind: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a loop of *kind*, as in `--loop`; None: asyncio's own. Raises StartError."""
    if kind == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if kind == "auto":
            return None
        raise StartError(
            "--loop uvloop: it is not installed; pip install 'fastfork[standard]', or --loop auto"
        ) from None
    make: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return make

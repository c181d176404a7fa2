"""Hooks of a gunicorn.conf.py: those that we run, with what they may ask of `server` and `worker`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES = (
    *("on_starting", "when_ready", "on_reload", "on_exit", "pre_fork", "child_exit"),
    *("post_fork", "worker_exit"),
)
"""Those in the first row run in the master, the others in a worker. At pre_fork there is no pid yet: 0."""


class LegacyLog:
    """`server.log` and `worker.log`: as a logger, in our log."""

    def __init__(self, write: Callable[[str, str], object]) -> None:
        """*write* takes level and line."""
        self._write = write

    def _log(self, level: str, message: object, args: tuple[Any, ...]) -> None:
        self._write(level, str(message) % args if args else str(message))

    def debug(self, message: object, *args: Any) -> None:
        """Log it."""
        self._log("debug", message, args)

    def info(self, message: object, *args: Any) -> None:
        """Log it."""
        self._log("info", message, args)

    def warning(self, message: object, *args: Any) -> None:
        """Log it."""
        self._log("warning", message, args)

    def error(self, message: object, *args: Any) -> None:
        """Log it."""
        self._log("error", message, args)

    exception = error

    def critical(self, message: object, *args: Any) -> None:
        """Log it."""
        self._log("critical", message, args)


class LegacyServer:
    """What hooks get as `server`."""

    def __init__(self, pid: int, log: LegacyLog) -> None:
        self.pid = pid
        self.log = log


class LegacyWorker:
    """What hooks get as `worker`; its age is the slot's number, as gunicorn counts workers from 1."""

    def __init__(self, pid: int, slot: int, log: LegacyLog) -> None:
        self.pid = pid
        self.age: int = slot + 1
        self.log = log


class LegacyHooks:
    """The functions of one file; a reload puts others in their place."""

    def __init__(self) -> None:
        self._functions: Mapping[str, Callable[..., object]] = {}
        self._master = os.getpid()

    def take(self, functions: Mapping[str, Callable[..., object]]) -> None:
        """Run *functions*, by name, from now on."""
        self._functions = functions

    def of_server(self, name: str, write: Callable[[str, str], object]) -> None:
        """Run a hook that gets the server."""
        if name in self._functions:
            self._functions[name](LegacyServer(self._master, LegacyLog(write)))

    def of_worker(
        self, name: str, write: Callable[[str, str], object], *, pid: int, slot: int
    ) -> None:
        """Run a hook that gets the server and a worker."""
        if name in self._functions:
            log = LegacyLog(write)
            self._functions[name](LegacyServer(self._master, log), LegacyWorker(pid, slot, log))

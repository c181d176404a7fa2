"""Reloading when files change (`--reload`), for development."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from fastfork.errors import StartError
from fastfork.supervisor.signals import hold_back, let_through
from fastfork.worker.watcher import be_watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.control.server import Watch
    from fastfork.worker.logs import Logs


class Watching:
    """A process that tells when files in the working directory changed."""

    def __init__(
        self,
        *,
        logs: Logs,
        on_change: Callable[[str], None],
        watch: Watch,
        unwatch: Callable[[int], None],
    ) -> None:
        """*on_change* gets names. Raises StartError if what it needs is not installed."""
        from importlib.util import find_spec

        if find_spec("watchfiles") is None:
            raise StartError(
                '--reload needs the package watchfiles: pip install "fastfork[reload]"'
            )
        self._logs = logs
        self._on_change = on_change
        self._watch = watch
        self._unwatch = unwatch
        self.pid: int | None = None
        """The process, while it is there."""

    def begin(self) -> None:
        """Watch from now on. Raises StartError."""
        self._news, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        folder = os.getcwd()
        mask = hold_back()
        try:
            pid = os.fork()
            if pid == 0:
                be_watcher(folder, theirs, logs=self._logs)
            self.pid = pid
        except OSError as error:
            os.close(self._news)
            raise StartError(f"can't fork the watcher of --reload: {error.strerror}") from None
        finally:
            let_through(mask)
            os.close(theirs)
        self._watch(self._news, self._read)

    def end(self) -> None:
        """Watch no more."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = None
        self._unwatch(self._news)
        os.close(self._news)

    def _read(self) -> None:
        try:
            said = os.read(self._news, 65_536)
        except BlockingIOError:
            return
        if not said:
            self._logs.error.warning("--reload: nothing is watched any more")
            self.end()
            return
        *_, last = said.decode("utf-8", "replace").splitlines()
        self._on_change(f"{last} changed")

"""The process that connects this server's bus with others, seen from the master."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING

import msgspec

from fastfork.errors import StartError
from fastfork.log import without_password
from fastfork.metrics.snapshot import BrokerView
from fastfork.supervisor.restart import Backoff
from fastfork.supervisor.signals import hold_back, let_through
from fastfork.supervisor.spawn import chance, open_pidfd
from fastfork.worker.bridge import BridgeJob, be_bridge
from fastfork.worker.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.bus import Post
    from fastfork.settings import Settings
    from fastfork.worker.logs import Logs

_FAREWELL = 1.5


class Bridge:
    """Keeps the bridge alive, if the bus goes beyond this server at all."""

    def __init__(
        self,
        settings: Settings,
        *,
        post: Post,
        logs: Logs,
        watch: Callable[[int, Callable[[], None]], None],
        unwatch: Callable[[int], None],
        is_late: bool,
    ) -> None:
        """*is_late*: workers may have missed something. Raise StartError if what it needs is not there."""
        self._settings = settings
        self._post = post
        self._logs = logs
        self._watch = watch
        self._unwatch = unwatch
        self._backoff = Backoff()
        self._pid: int | None = None
        self._due: float | None = None
        self._view = BrokerView(url=without_password(settings.bus), why="not connected yet")
        self._lost_before = self._carried_before = 0
        """By bridges before this one."""
        self._is_late = is_late
        if settings.bus != "local":
            _check_client()
            self._due = 0.0

    @property
    def view(self) -> BrokerView | None:
        """How the broker is; None if there is none."""
        return None if self._settings.bus == "local" else self._view

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return self._pid

    def next_look(self) -> float | None:
        """Return when to look, or None."""
        return self._due

    def look(self) -> None:
        """Start the process if it is time."""
        if self._due is not None and self._due <= time.monotonic():
            self._due = None
            try:
                self._fork()
            except OSError as error:
                self._retry(f"can't start the bridge of the bus: {error.strerror}", healthy_for=0.0)

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self._pid is not None:
            os.kill(self._pid, number)

    def end(self) -> None:
        """Let it say its last words, and end it."""
        self._due = None
        if self._pid is None:
            return
        self._post.leave_bridge()
        if not select.select([self._pidfd], [], [], _FAREWELL)[0]:
            self.kill(signal.SIGKILL)
        self._bury()

    def begin_again(self) -> None:
        """Start it after its end, if there is to be one at all."""
        if self.view is not None:
            self._due = 0.0

    def _fork(self) -> None:
        pipes = self._post.join_bridge()
        self._sight, sight = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        job = BridgeJob(
            pipes=pipes,
            sight=sight,
            is_late=self._is_late,
            settings=self._settings,
            identity=identity_of(self._settings),
            logs=self._logs,
        )
        mask = hold_back()
        try:
            pid = os.fork()
            if pid == 0:
                be_bridge(job)
            self._pid = pid
            self._pidfd = open_pidfd(pid)
        except OSError:
            self._post.leave_bridge()
            os.close(self._sight)
            raise
        finally:
            let_through(mask)
            for fd in (sight, *pipes):
                os.close(fd)
        self._is_late = True
        self._began = time.monotonic()
        self._said = b""
        self._watch(self._sight, self._read)
        self._watch(self._pidfd, self._on_end)

    def _read(self) -> None:
        try:
            self._said += os.read(self._sight, 65_536)
        except BlockingIOError:
            return
        *lines, self._said = self._said.split(b"\n")
        line = lines[-1] if lines else b""
        if not line:
            return
        found = msgspec.json.decode(line, type=BrokerView)
        self._view = msgspec.structs.replace(
            found,
            url=self._view.url,
            carried=found.carried + self._carried_before,
            lost=found.lost + self._lost_before,
        )

    def _on_end(self) -> None:
        status = self._bury()
        self._post.leave_bridge()
        self._carried_before, self._lost_before = self._view.carried, self._view.lost
        self._view = msgspec.structs.replace(
            self._view, is_up=False, why="the bridge died", servers=0
        )
        told = f"exit code {status}" if status >= 0 else signal.Signals(-status).name
        self._retry(
            f"the bridge of the bus died: {told}", healthy_for=time.monotonic() - self._began
        )

    def _retry(self, told: str, *, healthy_for: float) -> None:
        delay = self._backoff.delay(healthy_for=healthy_for, chance=chance())
        self._due = time.monotonic() + delay
        self._logs.error.error(f"{told}; next try {f'in {delay:.1f} s' if delay else 'at once'}")

    def _bury(self) -> int:
        assert self._pid is not None
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        for fd in (self._sight, self._pidfd):
            self._unwatch(fd)
            os.close(fd)
        return os.waitstatus_to_exitcode(status)


def _check_client() -> None:
    from importlib.util import find_spec

    if find_spec("redis") is None:
        raise StartError(
            '--bus with a broker needs the package redis: pip install "fastfork[redis]"'
        )

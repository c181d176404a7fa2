"""A worker, as its primary sees it."""

from __future__ import annotations

import signal as signals
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from fastfork.cluster.events import Emitter
from fastfork.cluster.wire import MESSAGE

if TYPE_CHECKING:
    from fastfork.cluster.core import Core
    from fastfork.supervisor import spawn

TERM_TO_KILL = 1.0
"""Seconds between the two, for a worker that is late."""


class Address(NamedTuple):
    """Where a worker listens, as the `listening` event says it."""

    address: str
    port: int
    """-1 for a unix socket."""
    address_type: int
    """4, 6, or -1 for a unix socket."""


class Process(NamedTuple):
    """The operating system's side of a worker."""

    pid: int
    exit_code: int | None = None
    """None while it runs, or if a signal ended it."""
    signal: str | None = None
    """As in "SIGKILL"."""


class Worker(Emitter):
    """A process that `fork` has made. Events: online, listening, message, disconnect, exit, error."""

    def __init__(self, number: int, *, slot: int, core: Core, process: spawn.Worker) -> None:
        super().__init__("online", "listening", "message", "disconnect", "exit", "error")
        self.id = number
        """1, 2, 3...; never given again."""
        self.slot = slot
        """The lowest number from 0 that was free; who comes later gets it again."""
        self.process: Process = Process(process.pid)
        self.state: str = "none"
        """none, online, listening, draining, disconnected, dead."""
        self.exited_after_disconnect: bool | None = None
        """Whether its end was wanted; None until it ends, or is told to."""
        self.inner = process
        """For the cluster."""
        self.is_late_at: float | None = None
        """When it is ended the hard way. For the cluster."""
        self._core = core
        self._unsent: list[Any] = []
        self._is_warned = False

    def __repr__(self) -> str:
        """Return what it is and how it is."""
        return f"<worker {self.id} in slot {self.slot}, pid {self.process.pid}: {self.state}>"

    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self.state == "dead"

    def is_connected(self) -> bool:
        """Whether it can be spoken to."""
        return self.state not in ("disconnected", "dead")

    def send(self, message: Any) -> bool:
        """Send what msgpack can hold; return False, and tell `error`, if the worker is gone.

        It never waits: what is sent before the worker is online is kept for it, and of what it does not take
        the oldest is dropped beyond --bus-queue octets. Raises TypeError for what can't be sent.
        """
        if not self.is_connected():
            self.emit("error", BrokenPipeError(f"worker {self.id} is not connected any more"))
            return False
        if self.state == "none":
            self._unsent.append(message)
            return True
        return self._core.say(self.slot, MESSAGE, message)

    def kill(self, signal: int | str = signals.SIGTERM) -> None:
        """Send a signal, by number or as "SIGKILL"; nothing happens to who is dead."""
        number = signals.Signals[signal] if isinstance(signal, str) else signals.Signals(signal)
        if not self.is_dead():
            self.exited_after_disconnect = bool(self.exited_after_disconnect)
            self.inner.kill(number)

    def disconnect(self, timeout: float | None = 30.0) -> Worker:
        """Deal nothing more to it, let it finish and end; return it.

        After *timeout* seconds it gets SIGTERM, and SIGKILL a second later; None: it may take any time.
        """
        if self.is_connected() and self.state != "draining":
            self.exited_after_disconnect = True
            self._core.let_leave(self)
            self.state = "draining"
        if timeout is not None and not self.is_dead():
            self.is_late_at = time.monotonic() + timeout
        return self

    def go_online(self) -> None:
        """Send what was said too early. For the cluster."""
        if self.state == "none":
            self.state = "online"
        for message in self._unsent:
            self._core.say(self.slot, MESSAGE, message)
        self._unsent.clear()

    def next_look(self) -> float | None:
        """Return when to `hurry`, if ever. For the cluster."""
        times = (self.is_late_at, self.inner.deadline)
        return min((at for at in times if at is not None), default=None)

    def hurry(self) -> None:
        """End it the hard way, if it is time. For the cluster."""
        now = time.monotonic()
        if self.inner.deadline is not None and self.inner.deadline <= now:
            self.inner.deadline = None  # a request timed out, and SIGABRT did not end the worker
            self.inner.kill(signals.SIGKILL)
        if self.is_late_at is None or self.is_late_at > now:
            return
        if self._is_warned:
            self.is_late_at = None
            self.inner.kill(signals.SIGKILL)
        else:
            self.is_late_at = now + TERM_TO_KILL
            self._is_warned = True
            self.inner.kill(signals.SIGTERM)

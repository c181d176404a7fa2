"""Asking a live worker where its threads are: it answers whatever they do, also in the middle of C.

All workers have the writing end of one pipe, where faulthandler prints the stacks at a signal. Nothing says
that it has finished: the answer is whole when nothing more has come for a moment.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from fastfork.control.protocol import ControlError
from fastfork.worker.main import DUMP_STACKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.control.server import Call
    from fastfork.supervisor.spawn import Worker
    from fastfork.supervisor.template import Template

_QUIET = 0.05
_WITHIN = 2.0


class Dumps:
    """The pipe, and the one dump that is under way."""

    def __init__(self, fds: tuple[int, int] | None = None) -> None:
        """Take both ends of the pipe that workers have already, or make one."""
        self.fds: tuple[int, int] = fds or os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.fd: int
        self.theirs: int
        self.fd, self.theirs = self.fds
        """What to watch; and what the workers have."""
        self._call: Call | None = None
        self._slot = 0
        self._said = b""
        self._until: float | None = None

    def begin(self, call: Call, worker: Worker | Template, *, slot: int) -> None:
        """Ask *worker*, or the template of the next one; *call* gets the answer. Raises ControlError."""
        if self._call:
            raise ControlError("another dump is under way; try again")
        self.read()  # what came too late for an earlier one
        self._call, self._slot, self._said = call, slot, b""
        self._until = time.monotonic() + _WITHIN
        worker.kill(DUMP_STACKS)

    def read(self) -> None:
        """Take what the worker says."""
        try:
            while said := os.read(self.fd, 65_536):
                self._said += said
        except BlockingIOError:
            pass
        if self._call and self._said:
            self._until = time.monotonic() + _QUIET

    def next_look(self) -> float | None:
        """Return when to look again, or None if nothing is under way."""
        return self._until

    def look(self) -> None:
        """Answer if the dump is over."""
        call = self._call
        if call is None or self._until is None or time.monotonic() < self._until:
            return
        self._call = self._until = None
        if self._said:
            call.succeed({"slot": self._slot, "stacks": self._said.decode("utf-8", "replace")})
        else:
            call.fail(f"worker {self._slot} says nothing: it is stopped, or still starting")

    def close(self, unwatch: Callable[[int], None]) -> None:
        """Close the pipe."""
        unwatch(self.fd)
        os.close(self.fd)
        os.close(self.theirs)

"""Why workers end, and what is said of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastfork.supervisor import words
from fastfork.supervisor.oom import OomWatch

if TYPE_CHECKING:
    from fastfork.supervisor.spawn import Worker

_FAULTS = frozenset(
    {
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
    }
)
"""Signals that a process earns by what it does."""


@dataclass(frozen=True, kw_only=True)
class End:
    """How a process ended."""

    status: int
    """As `Worker.bury` has it: an exit code, or less a signal."""
    is_killed: bool = False
    """By the master."""
    is_oom: bool = False
    """By the kernel, for want of memory."""

    @property
    def is_by_itself(self) -> bool:
        """Whether what it ran may be to blame; a signal from outside tells nothing of that."""
        if self.is_killed:
            return False
        return self.is_oom or self.status >= 0 or -self.status in _FAULTS

    def told(self, lost: int) -> str:
        """Return what is said of it, when so many requests were *lost*."""
        return words.end(self.status, lost, is_killed=self.is_killed, is_oom=self.is_oom)


class Ends:
    """Tells why workers end; remembers what has been told, and what the kernel had killed before."""

    def __init__(self) -> None:
        self._oom = OomWatch()
        self._last_refusal = ""

    def forget(self) -> None:
        """Tell the next refusal in full."""
        self._last_refusal = ""

    def of(self, worker: Worker, status: int) -> End:
        """Return how *worker* ended; ask once, when it has."""
        # Asked after each SIGKILL that was not ours: by then the kernel has counted it.
        is_oom = status == -signal.SIGKILL and not worker.is_killed and self._oom.has_killed()
        return End(status=status, is_killed=worker.is_killed, is_oom=is_oom)

    def failure(self, worker: Worker, end: End, lost: int) -> str:
        """Return why *worker* could not start, or why it ended."""
        if refusal := worker.refusal():
            return f"could not start: {self._shorten(str(refusal))}"
        return end.told(lost)

    def _shorten(self, text: str) -> str:
        # The traceback once, then one line a try: the same failure comes back every few seconds.
        is_repeated = text == self._last_refusal
        self._last_refusal = text
        return text.rpartition("\n")[2] if is_repeated else text

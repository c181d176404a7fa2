"""What is said of a worker's end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from fastfork.supervisor import words
from fastfork.supervisor.oom import OomWatch

if TYPE_CHECKING:
    from fastfork.supervisor.spawn import Worker


class Ends:
    """Tells why workers end; remembers what has been told, and what the kernel had killed before."""

    def __init__(self) -> None:
        self._oom = OomWatch()
        self._last_refusal = ""

    def forget(self) -> None:
        """Tell the next refusal in full."""
        self._last_refusal = ""

    def failure(self, worker: Worker, status: int, lost: int) -> str:
        """Return why *worker* could not start, or why it ended."""
        if refusal := worker.refusal():
            return f"could not start: {self._shorten(str(refusal))}"
        return self.told(worker, status, lost)

    def told(self, worker: Worker, status: int, lost: int) -> str:
        """Return why *worker* ended."""
        # Asked after each SIGKILL that was not ours: by then the kernel has counted it.
        is_oom = status == -signal.SIGKILL and not worker.is_killed and self._oom.has_killed()
        return words.end(status, lost, is_killed=worker.is_killed, is_oom=is_oom)

    def _shorten(self, text: str) -> str:
        # The traceback once, then one line a try: the same failure comes back every few seconds.
        is_repeated = text == self._last_refusal
        self._last_refusal = text
        return text.rpartition("\n")[2] if is_repeated else text

"""A slot: a number that always has a worker, or will have one; and its handover to the next one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from fastfork.supervisor.restart import Backoff
from fastfork.supervisor.words import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.log import Log
    from fastfork.supervisor.spawn import Worker


class Slot:
    """The place of one worker: the number stays, processes come and go."""

    def __init__(self, number: int, *, lanes: tuple[int, ...]) -> None:
        self.number = number
        self.lanes = lanes
        """Of the worker that serves, or of the next one; one for each of its threads."""
        self.backoff: Backoff = Backoff()
        self.worker: Worker | None = None
        self.due: float | None = None
        """When the next worker is to be forked; None: there is one, or none is wanted."""
        self.starts = 0
        self.last_end: str = ""
        """What the log said of the last worker's end."""
        self.ends: Counter[str] = Counter()
        """How often its workers ended, by reason (`words.REASONS`)."""

    def count_end(self, worker: Worker, status: int, *, is_relieved: bool) -> None:
        """Count the end of *worker*, one of ours."""
        why = reason(
            status,
            is_ready=worker.is_ready,
            is_timed_out=worker.is_timed_out,
            is_relieved=is_relieved,
        )
        self.ends[why] += 1

    def log_end(self, log: Log, worker: Worker, told: str, *, is_bad: bool = False) -> None:
        """Log how *worker*, one of ours, ends or ended, and remember it."""
        if told != "exited":  # said of one that was relieved; why, was said before
            self.last_end = told
        write = log.error if is_bad else log.info
        write(f"worker {self.number} (pid {worker.pid}) {told}")


class Handover(msgspec.Struct, eq=False):
    """One slot gets another worker: it is over when that one is ready, and the old one leaves."""

    slot: Slot
    why: str
    successor: Worker
    tell: Callable[[str | None], None] | None = None
    """To be called when it is over: with None, or why the old worker goes on."""

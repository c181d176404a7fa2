"""A slot: a number that always has a worker, or will have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastfork.supervisor.restart import Backoff

if TYPE_CHECKING:
    from fastfork.supervisor.spawn import Worker


class Slot:
    """The place of one worker: its lane stays, processes come and go."""

    def __init__(self, number: int, *, lane: int) -> None:
        self.number = number
        self.lane = lane
        self.backoff = Backoff()
        self.worker: Worker | None = None
        self.due: float | None = None
        """When the next worker is to be forked; None: there is one, or none is wanted."""

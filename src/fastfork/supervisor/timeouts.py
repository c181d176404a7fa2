"""Ending workers whose application takes too long with a request."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from fastfork.worker.main import SHOW_STACKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.supervisor.spawn import Worker

ABORT = 1.0
"""Seconds that a worker has to print where it is and end."""

_GLANCE = 0.05
"""Seconds between two looks whether the other threads of such a worker have finished."""


class TimeOuts:
    """Looks for requests that timed out; the dispatcher answers them 504 when their worker has ended."""

    def __init__(self, dispatcher: Dispatcher, *, graceful_timeout: float) -> None:
        self._dispatcher = dispatcher
        self._graceful_timeout = graceful_timeout

    def look(self, workers: Iterable[Worker]) -> None:
        """End each of *workers* that hangs: at once, or when its other threads have finished."""
        hung = self._dispatcher.timed_out()
        for worker in workers if hung else ():
            others = [lane for lane in worker.lanes if lane not in hung]
            if len(others) == len(worker.lanes):
                continue
            if not worker.is_timed_out:
                self._begin(worker, others)
            if len(worker.lanes) > 1 and not any(map(self._is_working, others)):
                worker.kill()

    def patience(self, workers: Iterable[Worker]) -> float | None:
        """Return when to look again, or None if nothing but the dispatcher can tell."""
        is_near = any(worker.is_timed_out and len(worker.lanes) > 1 for worker in workers)
        return time.monotonic() + _GLANCE if is_near else None

    def _begin(self, worker: Worker, others: list[int]) -> None:
        worker.is_timed_out = True
        worker.deadline = time.monotonic() + (self._graceful_timeout if others else ABORT)
        if len(worker.lanes) == 1:
            worker.kill(signal.SIGABRT)  # it prints where it is
            return
        worker.kill(SHOW_STACKS)
        for lane in worker.lanes:  # what runs on the others is finished
            self._dispatcher.leave(lane)

    def _is_working(self, lane: int) -> bool:
        return self._dispatcher.lane_stats(lane)["connections"] > 0

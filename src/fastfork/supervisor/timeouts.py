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
        self._finishing: list[Worker] = []
        """Those whose other threads still have something to finish."""

    def look(self, workers: Iterable[Worker]) -> None:
        """End each of *workers* that hangs: at once, or when its other threads have finished."""
        hung = self._dispatcher.timed_out()
        if not hung:
            return
        self._finishing = [worker for worker in workers if worker in self._finishing]
        for worker in workers:
            others = [lane for lane in worker.lanes if lane not in hung]
            if len(others) < len(worker.lanes) and not worker.is_timed_out:
                self._begin(worker, others)
            elif worker in self._finishing and not any(map(self._is_working, others)):
                worker.kill()

    def next_look(self) -> float | None:
        """Return when to look again, or None if the dispatcher will tell."""
        return time.monotonic() + _GLANCE if self._finishing else None

    def spares(self, worker: Worker) -> bool:
        """Return whether *worker* may finish what its other threads run."""
        return worker in self._finishing

    def _begin(self, worker: Worker, others: list[int]) -> None:
        worker.is_timed_out = True
        if not others:
            worker.deadline = time.monotonic() + ABORT
            worker.kill(signal.SIGABRT)  # it prints where it is
            return
        worker.deadline = time.monotonic() + self._graceful_timeout
        worker.kill(SHOW_STACKS)
        self._finishing.append(worker)
        for lane in worker.lanes:
            self._dispatcher.leave(lane)

    def _is_working(self, lane: int) -> bool:
        return self._dispatcher.lane_stats(lane)["connections"] > 0

"""Who is forked again when they end: the patience of `fastfork serve`, for a program that asks for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastfork.supervisor.restart import Backoff
from fastfork.supervisor.spawn import chance

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.cluster.workers import Worker


class Keeping:
    """Forks a worker for each that is missing: at once, then after 0.1 s doubling to 15 s."""

    def __init__(self, fork: Callable[[], Worker]) -> None:
        self._fork = fork
        self._ours: dict[int, tuple[Backoff, float]] = {}
        """By id: the patience with its line of workers, and when this one was forked."""
        self._due: list[tuple[float, Backoff]] = []

    def __bool__(self) -> bool:
        """Whether somebody is still to come."""
        return bool(self._due)

    def begin(self, count: int) -> None:
        """Have *count* workers more."""
        for _ in range(count):
            self._start(Backoff())

    def ended(self, worker: Worker) -> None:
        """Plan the next one, if *worker* was one of ours and has not been told to go."""
        backoff, began = self._ours.pop(worker.id, (None, 0.0))
        if backoff is None or worker.exited_after_disconnect:
            return
        now = time.monotonic()
        self._due.append((now + backoff.delay(healthy_for=now - began, chance=chance()), backoff))

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        return min((at for at, _ in self._due), default=None)

    def look(self) -> None:
        """Fork whom it is time to fork."""
        now = time.monotonic()
        ripe = [backoff for at, backoff in self._due if at <= now]
        self._due = [one for one in self._due if one[0] > now]
        for backoff in ripe:
            try:
                self._start(backoff)
            except OSError:  # no process or memory to be had now
                delay = backoff.delay(healthy_for=0.0, chance=chance())
                self._due.append((now + delay, backoff))

    def end(self) -> None:
        """Fork nobody any more."""
        self._ours.clear()
        self._due.clear()

    def _start(self, backoff: Backoff) -> None:
        worker = self._fork()
        self._ours[worker.id] = backoff, time.monotonic()

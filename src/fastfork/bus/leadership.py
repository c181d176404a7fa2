"""Work that exactly one worker does: schedulers, and whatever must not run twice at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event, Thread

    Duty = Callable[[Event], object]


class Leadership:
    """Runs each duty in a thread of its own, while this worker leads."""

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        self.duties: list[Duty] = []
        self._on_error = on_error
        self._stop: Event | None = None
        self._threads: list[Thread] = []

    def begin(self) -> None:
        """Start every duty."""
        from threading import Event

        self._stop = Event()
        for duty in self.duties:
            self._start(duty, self._stop)

    def add(self, duty: Duty) -> None:
        """Make *duty* one of them; start it if this worker leads already."""
        self.duties.append(duty)
        if self._stop is not None:
            self._start(duty, self._stop)

    def end(self, *, within: float) -> bool:
        """Tell every duty to stop; return whether all have, *within* seconds."""
        if self._stop is not None:
            self._stop.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, duty: Duty, stop: Event) -> None:
        from threading import Thread

        name = getattr(duty, "__qualname__", type(duty).__name__)
        thread = Thread(target=self._run, args=(duty, name, stop), name=f"fastfork-leader-{name}")
        thread.daemon = True
        thread.start()
        self._threads.append(thread)

    def _run(self, duty: Duty, name: str, stop: Event) -> None:
        try:
            duty(stop)
        except Exception as error:
            self._on_error(f"leader: {name}", error)

"""Scaling: more slots, whose workers are ready before they count, or fewer, whose workers finish first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastfork.supervisor.leases import lease, release
from fastfork.supervisor.limits import check_lanes
from fastfork.supervisor.slots import Slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.log import Log
    from fastfork.settings import Settings
    from fastfork.supervisor.relief import Reliefs, Tell
    from fastfork.supervisor.spawn import Worker

_GLANCE = 0.05
"""Seconds between two looks whether the last slot may go, whose worker is being relieved."""


class Scaling:
    """Makes slots, and takes the last ones away, until there are as many as are wanted."""

    def __init__(
        self,
        settings: Settings,
        *,
        wanted: int,
        dispatcher: Dispatcher,
        slots: list[Slot],
        reliefs: Reliefs,
        fork: Callable[[Slot, tuple[int, ...]], Worker],
        log: Log,
    ) -> None:
        """*fork* starts a worker of a slot in lanes; it raises OSError."""
        self.wanted: int = wanted
        self._settings = settings
        self._dispatcher = dispatcher
        self._slots = slots
        self._reliefs = reliefs
        self._fork = fork
        self._log = log
        self._starting: list[Slot] = []
        """Slots whose first worker is not ready yet."""
        self._tell: Tell | None = None

    def to(self, wanted: int, *, why: str, tell: Tell) -> None:
        """Have *wanted* workers, and *tell* when that is so, or why it is not. Raises ConfigError."""
        check_lanes(workers=wanted, threads=self._settings.threads)
        self._answer("another number is wanted by now")
        self._log.info(f"{why}: {wanted} workers instead of {self.wanted}")
        self.wanted, self._tell = wanted, tell

    @property
    def is_on(self) -> bool:
        """Whether slots are being made or taken away."""
        return bool(self._starting) or len(self._slots) != self.wanted

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        if not self._reliefs.is_on or len(self._slots) == self.wanted:
            return None
        return time.monotonic() + (_GLANCE if len(self._slots) > self.wanted else 0.0)

    def look(self) -> None:
        """Make or take away what is too few or too many."""
        if not self._reliefs.is_on:
            return
        while len(self._slots) < self.wanted and self._add():
            pass
        while len(self._slots) > self.wanted and self._remove():
            pass
        self.conclude()

    def count_ready(self, slot: Slot) -> None:
        """A worker of *slot* is ready, perhaps its first one."""
        if slot in self._starting:
            self._starting.remove(slot)
            self.conclude()

    def has_failed(self, slot: Slot, told: str) -> bool:
        """Give *slot* up if it was its first worker that ended, as *told*; return whether it was."""
        if slot not in self._starting:
            return False
        self._starting.remove(slot)
        self._slots.remove(slot)
        release(self._dispatcher, slot.lanes)
        self.wanted = len(self._slots)
        self._log.error(f"worker {slot.number} {told}; {self.wanted} workers go on")
        self._answer(f"worker {slot.number} {told}")
        return True

    def end(self) -> None:
        """The server stops: as many as there are will do."""
        self.wanted = len(self._slots)
        self._answer("the server stops")

    def _add(self) -> bool:
        used = {slot.number for slot in self._slots}
        number = next(n for n in range(len(used) + 1) if n not in used)
        try:
            lanes = lease(self._dispatcher, slot=number, threads=self._settings.threads)
            slot = Slot(number, lanes=lanes)
            try:
                slot.worker = self._fork(slot, lanes)
            except OSError:
                release(self._dispatcher, lanes)
                raise
        except OSError as error:
            self.wanted = len(self._slots)
            self._log.error(f"can't fork worker {number}: {error.strerror}")
            self._answer(f"can't fork worker {number}: {error.strerror}")
            return False
        self._slots.append(slot)
        self._starting.append(slot)
        return True

    def _remove(self) -> bool:
        slot = self._slots[-1]
        if self._reliefs.at(slot) is not None:
            self._reliefs.give_up()
            return False  # when it is over
        self._slots.pop()
        if slot in self._starting:
            self._starting.remove(slot)
        worker, slot.worker, slot.due = slot.worker, None, None
        if worker is None:
            release(self._dispatcher, slot.lanes)
            return True
        self._reliefs.leave(slot, worker)
        if not worker.is_ready:
            worker.kill()  # it has nothing to finish
        slot.log_end(self._log, worker, "leaves, its slot is wanted no more")
        return True

    def conclude(self) -> None:
        """Tell that it is done, if it is: all serve that are wanted, and of the others nobody is left."""
        is_left = any(slot not in self._slots for slot, _ in self._reliefs.leaving)
        if not self._starting and not is_left and len(self._slots) == self.wanted:
            self._answer(None)

    def _answer(self, failure: str | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(failure)

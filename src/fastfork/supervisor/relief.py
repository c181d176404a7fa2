"""Relieving workers: the next one is ready before the old one leaves.

A slot has two workers at most: one that serves and one that starts, or one that serves and one that leaves.
How many may start at a time is limited; those that leave hold nobody up but their own slot. Workers that
retire by themselves do so one at a time, to the end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from fastfork.supervisor.leases import lease, release
from fastfork.supervisor.retirement import term_of
from fastfork.supervisor.slots import Handover, Slot
from fastfork.supervisor.spawn import Worker, chance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.log import Log
    from fastfork.settings import Settings

    Tell = Callable[[str | None], None]

_LOOK = 1.0
"""How often workers are looked at that may retire."""


class Wish(NamedTuple):
    """Somebody wants the worker of a slot to be replaced."""

    slot: Slot
    tell: Tell
    """To be told when it is done: None, or why it is not."""


class Reliefs:
    """Replaces workers that retire, and those that somebody wants to be replaced."""

    def __init__(
        self,
        settings: Settings,
        *,
        dispatcher: Dispatcher,
        slots: Sequence[Slot],
        fork: Callable[[Slot, tuple[int, ...]], Worker],
        log: Log,
    ) -> None:
        """*fork* starts a worker of a slot in lanes; it raises OSError."""
        self.handovers: list[Handover] = []
        self.leaving: list[tuple[Slot, Worker]] = []
        """Workers that finish what they run; their slots have another one, or are gone."""
        self.parallel = 1
        """How many workers may start at a time in place of others that somebody wants to be replaced."""
        self._settings = settings
        self._dispatcher = dispatcher
        self._slots = slots
        self._fork = fork
        self._log = log
        self._wishes: list[Wish] = []
        self._is_limited = term_of(settings, chance=0.0).is_limited
        self._is_on = False
        self._look_at: float | None = None
        """None: no worker ever retires, or one is about to."""

    def begin(self) -> None:
        """The server is open: workers may retire."""
        self._is_on = True
        self._look_at = self._later()

    def end(self) -> None:
        """The server stops: nobody is relieved any more."""
        self._is_on = False
        self._look_at = None
        self.leaving += [(one.slot, one.successor) for one in self.handovers]
        self.handovers.clear()

    def relieve(self, slot: Slot, tell: Tell) -> Wish:
        """Replace the worker of *slot* when its turn comes, and *tell*."""
        wish = Wish(slot, tell)
        if self._is_on:
            self._wishes.append(wish)
            self._look_at = time.monotonic()
        else:
            tell("the server is still starting, or stops already")
        return wish

    def withdraw(self, wishes: Sequence[Wish]) -> None:
        """Forget those of *wishes* whose turn has not come."""
        self._wishes = [one for one in self._wishes if one not in wishes]

    def leave(self, slot: Slot, worker: Worker) -> None:
        """Let *worker*, which is the slot's no more, finish what it runs and end."""
        worker.deadline = time.monotonic() + self._settings.graceful_timeout
        self.leaving.append((slot, worker))
        for lane in worker.lanes:
            self._dispatcher.leave(lane)

    def has_left(self, slot: Slot, worker: Worker) -> bool:
        """Close the lanes of *worker* if it was one of those that leave; return whether it was."""
        if (slot, worker) not in self.leaving:
            return False
        self.leaving.remove((slot, worker))
        release(self._dispatcher, worker.lanes)
        self._look_at = time.monotonic()  # its slot may have been waited for
        return True

    def at(self, slot: Slot) -> Handover | None:
        """Return the handover that goes on in *slot*, if one does."""
        return next((one for one in self.handovers if one.slot is slot), None)

    @property
    def is_on(self) -> bool:
        """Whether workers may be relieved now."""
        return self._is_on

    def give_up(self) -> None:
        """Forget next workers that are not ready yet: they are made from what holds no more."""
        for handover in self.handovers:
            handover.successor.kill()

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        return self._look_at

    def look(self) -> None:
        """Begin to relieve a worker, if one is to be."""
        if self._look_at is None or time.monotonic() < self._look_at:
            return
        self._look_at = self._later() if self._is_on else None
        if not self._is_on:
            return
        if self._wishes:
            self._look_at = None  # when one that starts is ready, or one that leaves has left
            wish = next((one for one in self._wishes if self._is_free(one.slot)), None)
            if wish is None or len(self.handovers) >= self.parallel:
                return
            self._wishes.remove(wish)
            self._look_at = time.monotonic()
            slot, tell = wish
            if slot.worker and slot.worker.is_ready:
                self._begin(slot, why="as it was told to", tell=tell)
            else:
                tell("it does not serve now: the next one is being started")
            return
        if self.handovers or self.leaving:
            self._look_at = None
            return
        now = time.monotonic()
        serving = [
            (worker.ready_at, slot, worker)
            for slot in self._slots
            if (worker := slot.worker) and worker.ready_at is not None
        ]
        for ready_at, slot, worker in sorted(serving, key=lambda one: one[0]):
            stats = map(self._dispatcher.lane_stats, worker.lanes)
            why = worker.term.reason_to_retire(
                requests=sum(lane["requests"] for lane in stats),
                memory=worker.memory() if worker.term.memory else 0,
                age=now - ready_at,
            )
            if why:
                self._begin(slot, why=why)
                return

    def take_over(self, slot: Slot) -> None:
        """The next worker of *slot* is ready: deal to it, and let the old one finish."""
        handover, old = self.at(slot), slot.worker
        if handover is None or old is None or not self._is_on:
            return
        successor = handover.successor
        slot.worker, slot.lanes = successor, successor.lanes
        for lane in successor.lanes:
            self._dispatcher.ready(lane)
        self.leave(slot, old)
        slot.log_end(self._log, old, f"retires {handover.why}; pid {successor.pid} takes over")
        self._end(handover, None)

    def finish(self, handover: Handover, worker: Worker, *, told: str) -> None:
        """One of the two, *worker*, has ended, as *told*: the other one serves, or soon will."""
        slot = handover.slot
        release(self._dispatcher, worker.lanes)
        if worker is handover.successor:
            put_off = self._put_off(slot, handover.tell)
            slot.log_end(self._log, worker, f"{told}; {put_off}", is_bad=True)
            self._end(handover, told)
            return
        slot.worker, slot.lanes = handover.successor, handover.successor.lanes
        told = f"{told}; pid {handover.successor.pid} takes over"
        slot.log_end(self._log, worker, told, is_bad=True)
        self._end(handover, None)

    def _end(self, handover: Handover, failure: str | None) -> None:
        self.handovers.remove(handover)
        if self._wishes or self._look_at is None:
            self._look_at = time.monotonic()
        if handover.tell:
            handover.tell(failure)

    def _is_free(self, slot: Slot) -> bool:
        """Whether *slot* has one worker at most."""
        return self.at(slot) is None and all(slot is not other for other, _ in self.leaving)

    def _later(self) -> float | None:
        return time.monotonic() + _LOOK if self._is_limited else None

    def _begin(self, slot: Slot, *, why: str, tell: Tell | None = None) -> None:
        try:
            lanes = lease(self._dispatcher, slot=slot.number, threads=self._settings.threads)
            try:
                successor = self._fork(slot, lanes)
            except OSError:
                release(self._dispatcher, lanes)
                raise
        except OSError as error:
            failure = f"can't fork the next worker {slot.number}: {error.strerror}"
            self._log.error(f"{failure}; {self._put_off(slot, tell)}")
            if tell:
                tell(failure)
            return
        self.handovers.append(Handover(slot, why, successor, tell))

    def _put_off(self, slot: Slot, tell: Tell | None) -> str:
        """Try again later what nobody is told of; return what follows."""
        if tell:
            return "the old one goes on"
        delay = max(_LOOK, slot.backoff.delay(healthy_for=0.0, chance=chance()))
        self._look_at = time.monotonic() + delay
        return f"the old one goes on; next try in {delay:.1f} s"

"""Relieving workers, one slot at a time: the next one is ready before the old one leaves."""

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
        self.parallel = 1
        """How many slots may have two workers at a time, for those that somebody wants to be replaced."""
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

    def relieve(self, slot: Slot, tell: Tell) -> None:
        """Replace the worker of *slot* when its turn comes, and *tell*."""
        if not self._is_on:
            tell("the server is still starting, or stops already")
            return
        self._wishes.append(Wish(slot, tell))
        if len(self.handovers) < self.parallel:
            self._look_at = time.monotonic()

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
            if not handover.is_taken_over:
                handover.other.kill()

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        return self._look_at

    def look(self) -> None:
        """Begin to relieve a worker, if one is to be."""
        if self._look_at is None or time.monotonic() < self._look_at:
            return
        self._look_at = self._later()
        if self._wishes:
            wish = next((one for one in self._wishes if self.at(one.slot) is None), None)
            if wish is None or len(self.handovers) >= self.parallel:
                self._look_at = None  # when one of those that go on is over
                return
            self._wishes.remove(wish)
            slot, tell = wish
            if slot.worker and slot.worker.is_ready:
                self._begin(slot, why="as it was told to", tell=tell)
            else:
                self._look_at = time.monotonic()
                tell("it does not serve now: the next one is being started")
            return
        if self.handovers:
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
        handover = self.at(slot)
        if handover is None or not self._is_on:
            return
        successor = handover.other
        old = handover.take_over()
        old.deadline = time.monotonic() + self._settings.graceful_timeout
        for lane in successor.lanes:
            self._dispatcher.ready(lane)
        for lane in old.lanes:
            self._dispatcher.leave(lane)
        told = f"retires {handover.why}; pid {successor.pid} takes over"
        slot.log_end(self._log, old, told)

    def finish(self, handover: Handover, worker: Worker, *, told: str) -> None:
        """One of the two, *worker*, has ended, as *told*: the other one serves, or soon will."""
        slot = handover.slot
        self._look_at = time.monotonic()
        release(self._dispatcher, worker.lanes)
        if worker is handover.other and not handover.is_taken_over:
            put_off = self._put_off(slot, told, handover.tell)
            slot.log_end(self._log, worker, f"{told}; {put_off}", is_bad=True)
            return
        if handover.is_taken_over:
            slot.log_end(self._log, worker, told)
        else:
            slot.worker, slot.lanes = handover.other, handover.other.lanes
            told = f"{told}; pid {handover.other.pid} takes over"
            slot.log_end(self._log, worker, told, is_bad=True)
        if handover.tell:
            handover.tell(None)

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
            self._log.error(f"{failure}; {self._put_off(slot, failure, tell)}")
            return
        self._look_at = time.monotonic() if self._wishes else None
        self.handovers.append(Handover(slot, why=why, successor=successor, tell=tell))

    def _put_off(self, slot: Slot, failure: str, tell: Tell | None) -> str:
        if tell:
            self._look_at = time.monotonic()
            tell(failure)
            return "the old one goes on"
        delay = max(_LOOK, slot.backoff.delay(healthy_for=0.0, chance=chance()))
        self._look_at = time.monotonic() + delay
        return f"the old one goes on; next try in {delay:.1f} s"

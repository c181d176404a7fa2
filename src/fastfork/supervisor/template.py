"""The template of one generation, seen from the master: started, asked for workers, replaced when it dies."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from fastfork._native import cells
from fastfork.supervisor import words
from fastfork.supervisor.restart import Backoff
from fastfork.supervisor.signals import hold_back, let_through
from fastfork.supervisor.spawn import DiedAtStart, Worker, chance, open_pidfd, refusal_of
from fastfork.worker.main import READY
from fastfork.worker.template import GO, Errand, be_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.dispatcher import Seat
    from fastfork.control.server import Watch
    from fastfork.errors import FastforkError
    from fastfork.log import Log
    from fastfork.worker.main import Job, Place

    Then = Callable[[FastforkError | None], None]

_PATIENCE = 2.0
"""Seconds in which it must have forked a worker: the master waits for that."""


class NoAnswer(OSError):
    """The template has not forked the worker in time."""


class Template:
    """A process that has imported the application, and forks workers from what it is then.

    While there is none, or it is not ready, workers load the application for themselves.
    """

    def __init__(
        self,
        job: Job,
        *,
        seat: Seat,
        workers: int,
        watch: Watch,
        unwatch: Callable[[int], None],
        log: Log,
    ) -> None:
        self._job = job
        self._seat = seat
        self._workers = workers
        self._watch = watch
        self._unwatch = unwatch
        self._log = log
        self._backoff = Backoff()
        self._then: Then | None = None
        self._pid: int | None = None
        self._said = b""
        self._told = ""
        """What the log said last."""
        self._ready_at: float | None = None
        self._due: float | None = None
        """When the next one is to be started; None: there is one, or none is wanted."""
        self._deadline: float | None = None
        self._is_late = False
        """Whether it was killed because it took too long."""
        self.is_over: bool = False
        """Whether there will be no other one."""
        self.why: str = ""
        """Why there is none, as the status says it; "" if there is one."""

    @property
    def pid(self) -> int | None:
        """Its process, if it is not buried."""
        return self._pid

    @property
    def is_ready(self) -> bool:
        """Whether workers can be forked from it."""
        return self._ready_at is not None

    def begin(self, then: Then) -> None:
        """Start it, and call *then* when it is ready, or told to be over, or why it can't be (once)."""
        self._then = then
        try:
            self._start()
        except OSError as error:
            self._answer(DiedAtStart(f"can't fork the template: {error.strerror}"))

    def end(self) -> None:
        """Have none from now on; workers that were forked from it go on."""
        self.is_over = True
        self._due = self._deadline = self._ready_at = None
        self.kill()

    def bury(self) -> None:
        """Leave no process behind, after `end`."""
        if self._pid is not None:
            self._collect()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to it, if there is one."""
        if self._pid is not None:
            os.kill(self._pid, number)

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        times = [at for at in (self._due, self._deadline) if at is not None]
        return min(times, default=None)

    def look(self) -> None:
        """Start the next one if it is time; end one that takes too long."""
        now = time.monotonic()
        if self._due is not None and self._due <= now:
            self._due = None
            try:
                self._start()
            except OSError as error:
                self._retry(f"can't fork the template: {error.strerror}", healthy_for=0.0)
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._is_late = True
            self.kill()

    def fork(self, place: Place) -> Worker:
        """Return a new worker for *place*. Raises OSError, of which NoAnswer means that others may do it."""
        verdict, said = os.pipe()
        os.set_blocking(verdict, False)
        heard, go = os.pipe()
        lanes = tuple(seat.lane for seat in place.seats)
        errand = msgspec.msgpack.encode(Errand(slot=place.slot, workers=place.workers, lanes=lanes))
        fds = [said, heard, *place.pipes, *(seat.fds[0] for seat in place.seats)]
        try:
            pid = self._ask(errand, fds)
            pidfd = open_pidfd(pid)
            os.write(go, GO)
            return Worker(pid, lanes=lanes, pidfd=pidfd, verdict=verdict)
        except OSError:
            os.close(verdict)
            raise
        finally:
            for fd in (said, heard, go, *place.pipes):
                os.close(fd)

    def _ask(self, errand: bytes, fds: list[int]) -> int:
        try:
            socket.send_fds(self._line, [errand], fds)
            answer = int(self._line.recv(32) or b"0")
        except TimeoutError:
            # It may still do it; but a worker without our word leaves.
            self._ready_at = None
            self.kill()
            raise NoAnswer(0, "the template does not answer") from None
        if answer <= 0:
            raise OSError(-answer, os.strerror(-answer) if answer else "the template has ended")
        return answer

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mask = hold_back()
        try:
            pid = os.fork()
            if pid == 0:
                be_template(self._job, self._seat, theirs, workers=self._workers)
            self._pidfd = open_pidfd(pid)
        except OSError:
            ours.close()
            raise
        finally:
            let_through(mask)
            theirs.close()
        ours.settimeout(_PATIENCE)
        self._pid, self._line, self._said, self._is_late = pid, ours, b"", False
        self.why = self.why or "it is importing the application"
        if within := self._job.settings.boot_timeout:
            self._deadline = time.monotonic() + within
        self._watch(ours.fileno(), self._hear)
        self._watch(self._pidfd, self._on_end)

    def _hear(self) -> None:
        self._unwatch(self._line.fileno())  # from now on it only answers
        try:
            self._said = self._line.recv(1 << 16)
        except ConnectionError:
            return
        if not self._said.startswith(READY) or self.is_over:
            return  # its end will tell
        self._deadline = None
        why = self._said.decode("utf-8", "replace").partition("\n")[2]
        if why and not self._is_fit(why):
            self.end()
            self._answer(None)
            return
        self._ready_at = time.monotonic()
        self.why = ""
        self._log.info(f"template (pid {self._pid}) has imported {self._job.settings.app}")
        self._answer(None)

    def _is_fit(self, why: str) -> bool:
        app = self._job.settings.app
        if self._job.settings.preload:
            self._log.warning(f"--preload: importing {app} left {why}, which forks do not survive")
            return True
        self.why = f"importing {app} left {why}"
        self._log.info(
            f"every worker imports {app} for itself: its import left {why}, which a fork does not survive;"
            " begin such things in @fastfork.on_worker_start, and workers start in milliseconds"
        )
        return False

    def _on_end(self) -> None:
        healthy_for = time.monotonic() - self._ready_at if self._ready_at is not None else 0.0
        status = self._collect()
        if self.is_over:
            return
        refusal = refusal_of(self._said)
        if refusal is None and self._is_late:
            within = self._job.settings.boot_timeout
            refusal = DiedAtStart(f"it had not loaded the application after {within:g} s")
        if self._then is not None:
            self.is_over = True
            self._answer(
                refusal
                or DiedAtStart(
                    f"the template died before it had loaded the application: {words.cause_of(status)}"
                )
            )
            return
        told = f"could not start: {refusal}" if refusal else f"died: {words.cause_of(status)}"
        self._retry(told, healthy_for=healthy_for)

    def _retry(self, told: str, *, healthy_for: float) -> None:
        delay = self._backoff.delay(healthy_for=healthy_for, chance=chance())
        self._due = time.monotonic() + delay
        self.why = told.rpartition("\n")[2]
        if told == self._told:  # the traceback once, then one line a try
            told = f"could not start: {self.why}"
        else:
            self._told = told
        follows = f"in {delay:.1f} s" if delay else "at once"
        self._log.error(
            f"template {told}; next try {follows}, until then workers import for themselves"
        )

    def _collect(self) -> int:
        assert self._pid is not None
        _, status = os.waitpid(self._pid, 0)
        cells.give_back(None)
        self._unwatch(self._line.fileno())
        self._line.close()
        self._unwatch(self._pidfd)
        os.close(self._pidfd)
        self._pid = self._ready_at = self._deadline = None
        return os.waitstatus_to_exitcode(status)

    def _answer(self, error: FastforkError | None) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(error)

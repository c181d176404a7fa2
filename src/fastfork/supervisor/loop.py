"""The master's only loop: wait, look, act.

Waiting is the dispatcher's: it accepts and deals connections by itself, and comes back when a descriptor
that was registered here is readable (a signal, a worker's verdict, a worker's end) or a time has come.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from fastfork._native.dispatcher import Dispatcher
from fastfork._version import __version__
from fastfork.errors import FastforkError, StartError
from fastfork.log import escape
from fastfork.supervisor.binds import parse_bind
from fastfork.supervisor.limits import connection_limit, raise_open_files
from fastfork.supervisor.listeners import open_listeners
from fastfork.supervisor.pidfile import PidFile
from fastfork.supervisor.signals import Intent, SignalInbox, intent_of, name_of
from fastfork.supervisor.slots import Slot
from fastfork.supervisor.spawn import Worker, cause_of, spawn
from fastfork.worker.main import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.log import Log
    from fastfork.settings import Settings
    from fastfork.worker.access_log import AccessLog

_SWIFT = 1.0
"""A worker that ends well, but sooner than this, counts as crashed: it may do so again and again."""


class Master:
    """Listens, keeps a worker in every slot, and stops when a signal says so."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Callable[..., Any]],
        workers: int,
        log: Log,
        access_log: AccessLog | None,
        keep_fds: frozenset[int],
    ) -> None:
        self._settings = settings
        self._load = load
        self._workers = workers
        self._log = log
        self._access_log = access_log
        self._keep_fds = keep_fds
        self._acts: dict[int, Callable[[], None]] = {}
        self._slots: list[Slot] = []
        self._refusal: FastforkError | None = None
        self._last_refusal = ""
        self._is_open = False
        """Whether all workers of the first start were ready."""
        self._is_stopping = False
        self._deadline: float | None = None

    def run(self) -> None:
        """Serve until a signal ends it; raise FastforkError if the first start fails."""
        settings = self._settings
        limit = connection_limit(settings.max_connections, open_files=raise_open_files())
        binds = [parse_bind(text) for text in settings.bind]
        with ExitStack() as stack:
            # First in and last out: no signal may end the process between a file made and a file removed.
            self._inbox = stack.enter_context(SignalInbox())
            if settings.pid is not None:
                self._pidfile = PidFile(settings.pid)
                self._pidfile.write()
                stack.callback(self._pidfile.remove)
            self._listeners = open_listeners(binds, backlog=settings.backlog)
            stack.callback(self._close_listeners)
            self._dispatcher = Dispatcher(
                max_connections=limit,
                keep_alive=settings.keep_alive,
                silence=settings.head_timeout,
                replay=settings.replay != "off",
            )
            stack.callback(self._dispatcher.close)
            self._watch(self._inbox.fd, self._on_signals)
            stack.callback(self._end_workers)
            self._start()
            while self._is_needed():
                self._turn()
        if self._refusal is not None:
            raise self._refusal
        self._log.info("stopped")

    # --- start

    def _start(self) -> None:
        self._log.info(f"fastfork {__version__} starts {self._settings.app} (pid {os.getpid()})")
        for listener in self._listeners:
            self._dispatcher.listen(listener.fd)
        # What exists now is never collected: collecting would write to, and so copy, every shared page.
        gc.freeze()
        for number in range(self._workers):
            slot = Slot(number, lane=self._dispatcher.lease())
            self._slots.append(slot)
            try:
                self._fork(slot)
            except OSError as error:
                raise StartError(f"can't fork worker {number}: {error.strerror}") from None

    def _open(self) -> None:
        self._is_open = True
        for slot in self._slots:
            self._dispatcher.ready(slot.lane)
        count = f"{self._workers} worker{'s' if self._workers > 1 else ''}"
        self._log.info(f"{self._settings.app} runs in {count}, interface wsgi")
        for listener in self._listeners:
            self._log.info(f"Listening at: {listener.url}")

    # --- the loop

    def _is_needed(self) -> bool:
        if self._is_stopping:
            return any(slot.worker for slot in self._slots)
        return True

    def _turn(self) -> None:
        for fd in self._dispatcher.wait(self._patience()):
            # An act may have ended the watch on a descriptor that comes later in the list.
            if act := self._acts.get(fd):
                act()
        now = time.monotonic()
        for slot in self._slots:
            if slot.due is not None and slot.due <= now:
                self._refill(slot)
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._kill_all(f"still running after {self._settings.graceful_timeout:g} s")

    def _patience(self) -> float | None:
        times = [slot.due for slot in self._slots if slot.due is not None]
        if self._deadline is not None:
            times.append(self._deadline)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _watch(self, fd: int, act: Callable[[], None]) -> None:
        self._dispatcher.watch(fd)
        self._acts[fd] = act

    def _unwatch(self, fd: int) -> None:
        if self._acts.pop(fd, None) is not None:
            self._dispatcher.unwatch(fd)

    # --- workers

    def _fork(self, slot: Slot) -> None:
        job = Job(
            slot=slot.number,
            seat=self._dispatcher.seat(slot.lane),
            load=self._load,
            settings=self._settings,
            servers=tuple(listener.server for listener in self._listeners),
            log=self._log,
            access_log=self._access_log,
            keep_fds=self._keep_fds,
        )
        slot.due = None
        slot.worker = worker = spawn(job)
        self._watch(worker.verdict, partial(self._on_verdict, slot, worker))
        self._watch(worker.pidfd, partial(self._on_end, slot, worker))

    def _refill(self, slot: Slot) -> None:
        try:
            self._fork(slot)
        except OSError as error:
            told = self._retry(slot, healthy_for=0.0)
            self._log.error(f"can't fork worker {slot.number}: {error.strerror}; {told}")

    def _on_verdict(self, slot: Slot, worker: Worker) -> None:
        if not worker.listen():
            return
        self._unwatch(worker.verdict)
        if not worker.is_ready:
            return
        worker.ready_at = time.monotonic()
        self._log.info(f"worker {slot.number} (pid {worker.pid}) started")
        if self._is_open:
            self._dispatcher.ready(slot.lane)
        elif not self._is_stopping and all(
            slot.worker and slot.worker.is_ready for slot in self._slots
        ):
            self._open()

    def _on_end(self, slot: Slot, worker: Worker) -> None:
        worker.listen()
        self._unwatch(worker.verdict)
        self._unwatch(worker.pidfd)
        status = worker.bury()
        slot.worker = None
        self._reap_strangers()  # they may have stood behind it
        lost = self._dispatcher.recover(slot.lane)
        for done, request in self._dispatcher.rescued():
            what = escape(request) or "a request"
            self._log.warning(f"worker {slot.number} died in {what}: {_DONE[done]}")
        if self._refusal is not None:
            return
        if self._is_stopping:
            self._log_end(slot, worker, _told(status, lost))
        elif not self._is_open:
            self._refuse(slot, worker, status)
        else:
            self._replace(slot, worker, status=status, lost=lost)

    def _replace(self, slot: Slot, worker: Worker, *, status: int, lost: int) -> None:
        healthy_for = time.monotonic() - worker.ready_at if worker.ready_at else 0.0
        if status == 0 and healthy_for >= _SWIFT:
            slot.due = time.monotonic()
            self._log_end(slot, worker, "exited; next one at once")
            return
        told = _told(status, lost)
        if refusal := worker.refusal():
            told = f"could not start: {self._shorten(refusal)}"
        self._log_end(
            slot, worker, f"{told}; {self._retry(slot, healthy_for=healthy_for)}", is_bad=True
        )

    def _retry(self, slot: Slot, *, healthy_for: float) -> str:
        chance = int.from_bytes(os.urandom(4), "big") / 2**32
        delay = slot.backoff.delay(healthy_for=healthy_for, chance=chance)
        slot.due = time.monotonic() + delay
        return f"next try in {delay:.1f} s" if delay else "next try at once"

    def _refuse(self, slot: Slot, worker: Worker, status: int) -> None:
        self._refusal = worker.refusal() or _DiedAtStart(
            f"worker {slot.number} (pid {worker.pid}) died before it had loaded the application:"
            f" {cause_of(status)}"
        )
        self._is_stopping = True
        self._kill_all()

    def _shorten(self, refusal: FastforkError) -> str:
        # The traceback once, then one line a try: the same failure comes back every few seconds.
        text = str(refusal)
        is_repeated = text == self._last_refusal
        self._last_refusal = text
        return text.rpartition("\n")[2] if is_repeated else text

    def _log_end(self, slot: Slot, worker: Worker, told: str, *, is_bad: bool = False) -> None:
        write = self._log.error if is_bad else self._log.info
        write(f"worker {slot.number} (pid {worker.pid}) {told}")

    # --- signals and the end

    def _on_signals(self) -> None:
        for number in self._inbox.read():
            intent = intent_of(number)
            if intent is Intent.DRAIN and not self._is_stopping:
                self._drain(name_of(number))
            elif intent is Intent.DRAIN or intent is Intent.QUIT:
                self._quit(name_of(number))
            elif intent is Intent.UNKNOWN:
                self._log.warning(f"{name_of(number)} is not supported in this version; ignored")
            elif intent is Intent.REAP:
                self._reap_strangers()

    def _drain(self, why: str) -> None:
        self._log.info(f"{why}: draining for up to {self._settings.graceful_timeout:g} s")
        self._stop_listening(drain_backlog=True)
        self._dispatcher.close_lane_channels()
        for slot in self._slots:
            if slot.worker and not slot.worker.is_ready:
                # It sits at no lane yet, so it doesn't see the channel close.
                slot.worker.kill(signal.SIGTERM)
        self._deadline = time.monotonic() + self._settings.graceful_timeout

    def _quit(self, why: str) -> None:
        self._log.info(f"{why}: stopping at once")
        if not self._is_stopping:
            self._stop_listening(drain_backlog=False)
        self._kill_all()

    def _stop_listening(self, *, drain_backlog: bool) -> None:
        self._is_stopping = True
        for slot in self._slots:
            slot.due = None
        self._dispatcher.stop_accepting(drain_backlog=drain_backlog)
        self._close_listeners()

    def _kill_all(self, why: str = "") -> None:
        for slot in self._slots:
            if slot.worker:
                if why:
                    self._log.warning(f"worker {slot.number} (pid {slot.worker.pid}) {why}: killed")
                slot.worker.kill()

    def _reap_strangers(self) -> None:
        if os.getpid() != 1:
            return
        # As process 1 the master inherits every orphan of its container. Peek first: a status of our own
        # workers belongs to `_on_end`, which the pidfd calls.
        own = {slot.worker.pid for slot in self._slots if slot.worker}
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            while (ended := os.waitid(os.P_ALL, 0, options)) and ended.si_pid not in own:
                os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            pass  # there is nobody left, not even a worker

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _end_workers(self) -> None:
        # After a clean stop there is none left; after a mistake of ours, none may outlive the master.
        for slot in self._slots:
            if slot.worker:
                slot.worker.kill()
                slot.worker.bury()
                slot.worker = None


class _DiedAtStart(StartError):
    """A worker died before its verdict: something in the application's import killed it."""

    exit_code = 3


_DONE = {
    "replayed": "another one runs it again",
    "refused": "answered 502",
    "cut": "its connection was cut, the answer had begun or could not be known",
}
"""What became of a request whose worker died."""


def _told(status: int, lost: int) -> str:
    if status == 0 and not lost:
        return "exited"
    requests = f", {lost} request{'s' if lost > 1 else ''} lost" if lost else ""
    return f"died: {cause_of(status)}{requests}"

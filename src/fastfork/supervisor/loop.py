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

from fastfork._native.dispatcher import MAIL, Dispatcher
from fastfork._version import __version__
from fastfork.bus.master import open_post
from fastfork.errors import FastforkError, StartError
from fastfork.log import escape
from fastfork.supervisor import words
from fastfork.supervisor.binds import FdBind, parse_bind
from fastfork.supervisor.bridge import Bridge
from fastfork.supervisor.ends import Ends
from fastfork.supervisor.limits import connection_limit, raise_open_files
from fastfork.supervisor.listeners import open_listeners
from fastfork.supervisor.pidfile import PidFile
from fastfork.supervisor.relief import Reliefs
from fastfork.supervisor.reload import Reloads, generation_of
from fastfork.supervisor.retirement import term_of
from fastfork.supervisor.rotation import Rotation
from fastfork.supervisor.signals import Intent, SignalInbox, intent_of, name_of, newest
from fastfork.supervisor.slots import Slot
from fastfork.supervisor.spawn import DiedAtStart, Worker, chance, reap_strangers, spawn
from fastfork.supervisor.steering import Steering
from fastfork.supervisor.systemd import Notifier, take_sockets
from fastfork.supervisor.timeouts import ABORT, TimeOuts
from fastfork.worker.main import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastfork.config.surroundings import Start
    from fastfork.settings import Settings
    from fastfork.supervisor.binds import Bind
    from fastfork.supervisor.relief import Tell
    from fastfork.worker.logs import Logs

_SWIFT = 1.0
"""A worker that ends well, but sooner than this, counts as crashed: it may do so again and again."""


class Master:
    """Listens, keeps a worker in every slot, and stops when a signal says so."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Callable[..., Any]] | None,
        start: Start,
        read: Callable[[], Settings] | None,
        workers: int,
        logs: Logs,
        keep_fds: frozenset[int],
    ) -> None:
        self._settings = settings
        self._load = load
        self._source = (start, read)
        self._workers = workers
        self._threads = settings.threads
        self._logs = logs
        self._log = logs.error
        self._keep_fds = keep_fds
        self._ends = Ends()
        self._acts: dict[int, Callable[[], None]] = {}
        self._slots: list[Slot] = []
        self._refusal: FastforkError | None = None
        self._is_open = False
        """Whether all workers of the first start were ready."""
        self._is_stopping = False
        self._drain_at: float | None = None
        """When to begin to stop; None: nobody has said so, or it has begun."""
        self._deadline: float | None = None

    def run(self) -> None:
        """Serve until a signal ends it; raise FastforkError if the first start fails."""
        settings = self._settings
        limit = connection_limit(
            settings.max_connections,
            open_files=raise_open_files(),
            lanes=self._workers * self._threads,
        )
        sockets = take_sockets(os.environ, pid=os.getpid())
        binds: list[Bind] = [FdBind(fd) for fd in sockets]
        binds = binds or [parse_bind(text) for text in settings.bind]
        first = generation_of(settings, number=1)
        self._identity = first.identity
        self._give_logs()
        with ExitStack() as stack:
            # First in and last out: no signal may end the process between a file made and a file removed.
            self._inbox = stack.enter_context(SignalInbox())
            if settings.pid is not None:
                self._pidfile = PidFile(settings.pid)
                self._pidfile.write()
                stack.callback(self._pidfile.remove)
            self._listeners = open_listeners(binds, backlog=settings.backlog)
            for fd in sockets:
                os.close(fd)  # the listener has a copy
            self._notifier = Notifier(os.environ, pid=os.getpid())
            stack.callback(self._notifier.close)
            stack.callback(self._close_listeners)
            self._rotation = Rotation(settings, self._logs.files, log=self._log)
            stack.callback(self._rotation.close)
            self._dispatcher = Dispatcher(
                max_connections=limit,
                keep_alive=settings.keep_alive,
                silence=settings.head_timeout,
                timeout=settings.timeout,
                dispatch="round-robin" if settings.dispatch == "auto" else settings.dispatch,
                replay=settings.replay != "off",
            )
            stack.callback(self._dispatcher.close)
            post, self._acts[MAIL] = open_post(self._dispatcher, settings, log=self._log)
            self._bridge = Bridge(
                settings, post=post, logs=self._logs, watch=self._watch, unwatch=self._unwatch
            )
            stack.callback(self._bridge.end)
            self._reliefs = Reliefs(
                settings,
                dispatcher=self._dispatcher,
                slots=self._slots,
                fork=self._fork,
                log=self._log,
            )
            self._reloads = Reloads(
                first,
                source=self._source,
                slots=self._slots,
                reliefs=self._reliefs,
                log=self._log,
            )
            self._timeouts = TimeOuts(self._dispatcher, graceful_timeout=settings.graceful_timeout)
            self._watch(self._inbox.fd, self._on_signals)
            self._steering = stack.enter_context(self._open_steering())
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
        if self._settings.dispatch != "shared":
            for listener in self._listeners:
                self._dispatcher.listen(listener.fd)
        # What exists now is never collected: collecting would write to, and so copy, every shared page.
        gc.freeze()
        numbers = range(self._workers)
        # By turns: consecutive connections go to different workers, then to their next threads.
        lanes = [[self._dispatcher.lease(slot=n) for n in numbers] for _ in range(self._threads)]
        for number, own in enumerate(zip(*lanes, strict=True)):
            slot = Slot(number, lanes=own)
            self._slots.append(slot)
            try:
                slot.worker = self._fork(slot, own)
            except OSError as error:
                raise StartError(f"can't fork worker {number}: {error.strerror}") from None

    def _open(self) -> None:
        self._is_open = True
        self._reliefs.begin()
        for slot in self._slots:
            self._ready(slot.lanes)
        count = f"{self._workers} worker{'s' if self._workers > 1 else ''}"
        if self._threads > 1:
            count += f" x {self._threads} threads"
        self._log.info(f"{self._settings.app} runs in {count}, interface wsgi")
        for listener in self._listeners:
            self._log.info(f"Listening at: {listener.url}")
        self._notifier.ready(f"serving {self._settings.app} in {count}")

    # --- the loop

    def _is_needed(self) -> bool:
        if self._is_stopping:
            return any(self._everyone())
        return True

    def _everyone(self) -> Iterator[tuple[Slot, Worker]]:
        for slot in self._slots:
            if slot.worker:
                yield slot, slot.worker
        if handover := self._reliefs.handover:
            yield handover.slot, handover.other

    def _turn(self) -> None:
        for fd in self._dispatcher.wait(self._patience()):
            # An act may have ended the watch on a descriptor that comes later in the list.
            if act := self._acts.get(fd):
                act()
        now = time.monotonic()
        for slot in self._slots:
            if slot.due is not None and slot.due <= now:
                self._refill(slot)
        self._bridge.look()
        self._reliefs.look()
        self._timeouts.look([worker for _, worker in self._everyone()])
        if self._rotation.look(worker.pid for _, worker in self._everyone()):
            self._reopen_logs()
        self._steering.dumps.look()
        self._notifier.look()
        for slot, worker in self._everyone():
            if worker.deadline is not None and worker.deadline <= now:
                worker.deadline = None
                self._kill(slot, worker, self._too_late(worker))
        if self._drain_at is not None and self._drain_at <= now:
            self._drain("now")
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._kill_all(self._too_late())

    def _patience(self) -> float | None:
        lookers = (
            self._bridge,
            self._reliefs,
            self._timeouts,
            self._rotation,
            self._steering.dumps,
            self._notifier,
        )
        times = [slot.due for slot in self._slots if slot.due is not None]
        times += [
            at
            for at in (self._drain_at, self._deadline, *(one.next_look() for one in lookers))
            if at is not None
        ]
        times += [w.deadline for _, w in self._everyone() if w.deadline is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _watch(self, fd: int, act: Callable[[], None]) -> None:
        self._dispatcher.watch(fd)
        self._acts[fd] = act

    def _unwatch(self, fd: int) -> None:
        if self._acts.pop(fd, None) is not None:
            self._dispatcher.unwatch(fd)

    # --- workers

    def _fork(self, slot: Slot, lanes: tuple[int, ...]) -> Worker:
        generation = self._reloads.generation
        job = Job(
            slot=slot.number,
            workers=self._workers,
            generation=generation.number,
            seats=tuple(self._dispatcher.seat(lane) for lane in lanes),
            pipes=self._dispatcher.join(lanes[0], slot=slot.number),
            load=self._load,
            settings=generation.settings,
            servers=tuple(listener.server for listener in self._listeners),
            listeners=tuple(listener.fd for listener in self._listeners),
            proxies=generation.proxies,
            identity=generation.identity,
            logs=self._logs,
            dump_fd=self._steering.dumps.theirs,
            keep_fds=self._keep_fds,
        )
        worker = spawn(job)
        worker.generation = generation.number
        if generation.settings.boot_timeout:
            worker.deadline = time.monotonic() + generation.settings.boot_timeout
        slot.starts += 1
        worker.term = term_of(self._settings, chance=chance())
        self._watch(worker.verdict, partial(self._on_verdict, slot, worker))
        self._watch(worker.pidfd, partial(self._on_end, slot, worker))
        return worker

    def _ready(self, lanes: tuple[int, ...]) -> None:
        for lane in lanes:
            self._dispatcher.ready(lane)

    def _refill(self, slot: Slot) -> None:
        slot.due = None
        try:
            slot.worker = self._fork(slot, slot.lanes)
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
        worker.deadline = None
        self._log.info(f"worker {slot.number} (pid {worker.pid}) started")
        if worker is not slot.worker:
            self._reliefs.take_over()
        elif self._is_open:
            self._ready(slot.lanes)
        elif not self._is_stopping and all(
            slot.worker and slot.worker.is_ready for slot in self._slots
        ):
            self._open()

    def _on_end(self, slot: Slot, worker: Worker) -> None:
        worker.listen()
        self._unwatch(worker.verdict)
        self._unwatch(worker.pidfd)
        status = worker.bury()
        handover = self._reliefs.handover
        is_relieved = bool(handover and handover.is_taken_over and worker is handover.other)
        slot.count_end(worker, status, is_relieved=is_relieved)
        if handover and worker is handover.other:
            self._reliefs.handover = None
        else:
            slot.worker = None
        self._reap_strangers()  # they may have stood behind it
        lost = self._dispatcher.recover(worker.lanes)
        for done, request, is_timed_out in self._dispatcher.rescued():
            shown = escape(request) or "a request"
            if is_timed_out:
                told = words.time_out(done, shown, seconds=self._settings.timeout)
                slot.log_end(self._log, worker, told, is_bad=True)
            else:
                self._log.warning(f"worker {slot.number} {words.rescue(done, shown)}")
        if self._refusal is not None:
            return
        if self._is_stopping:
            slot.log_end(self._log, worker, self._ends.told(worker, status, lost))
        elif not self._is_open:
            self._refuse(slot, worker, status)
        elif handover and handover.ends_with(slot, worker):
            self._reliefs.handover = None
            self._reliefs.finish(handover, worker, told=self._ends.failure(worker, status, lost))
        else:
            self._replace(slot, worker, status=status, lost=lost)

    def _replace(self, slot: Slot, worker: Worker, *, status: int, lost: int) -> None:
        healthy_for = time.monotonic() - worker.ready_at if worker.ready_at else 0.0
        if (status == 0 and healthy_for >= _SWIFT) or worker.is_timed_out:
            slot.due = time.monotonic()
            told = "was killed" if status else "exited"
            slot.log_end(self._log, worker, f"{told}; next one at once")
            return
        told = self._ends.failure(worker, status, lost)
        told = f"{told}; {self._retry(slot, healthy_for=healthy_for)}"
        slot.log_end(self._log, worker, told, is_bad=True)

    def _retry(self, slot: Slot, *, healthy_for: float) -> str:
        delay = slot.backoff.delay(healthy_for=healthy_for, chance=chance())
        slot.due = time.monotonic() + delay
        return f"next try in {delay:.1f} s" if delay else "next try at once"

    def _refuse(self, slot: Slot, worker: Worker, status: int) -> None:
        self._refusal = worker.refusal() or DiedAtStart(
            f"worker {slot.number} (pid {worker.pid}) died before it had loaded the application:"
            f" {words.cause_of(status)}"
        )
        self._is_stopping = True
        self._kill_all()

    # --- steering

    def _open_steering(self) -> Steering:
        return Steering(
            self._settings,
            dispatcher=self._dispatcher,
            slots=self._slots,
            listeners=self._listeners,
            logs=self._logs,
            state=self._state,
            broker=lambda: self._bridge.view,
            relieve=self._reliefs.relieve,
            reload=self._reload,
            stop=self._stop,
            kill=self._quit,
            watch=self._watch,
            unwatch=self._unwatch,
        )

    def _state(self) -> str:
        if self._is_stopping or self._drain_at is not None:
            return "draining"
        return "serving" if self._is_open else "starting"

    # --- signals and the end

    def _on_signals(self) -> None:
        for number in newest(self._inbox.read()):
            intent = intent_of(number)
            if intent is Intent.DRAIN and not self._is_stopping:
                self._stop(name_of(number))
            elif intent is Intent.DRAIN or intent is Intent.QUIT:
                self._quit(name_of(number))
            elif intent is Intent.UNKNOWN:
                self._log.warning(f"{name_of(number)} is not supported in this version; ignored")
            elif intent is Intent.RELOAD:
                self._reload(name_of(number), lambda failure: None)
            elif intent is Intent.REAP:
                self._reap_strangers()
            elif intent is Intent.REOPEN:
                self._log.info(f"{name_of(number)}: reopening the logs")
                self._reopen_logs()

    def _reload(self, why: str, tell: Tell) -> None:
        self._ends.forget()  # who reloads wants to see all of it
        self._reloads.begin(why, tell)

    def _stop(self, why: str) -> None:
        delay = self._settings.shutdown_delay
        if self._is_open and delay and self._drain_at is None and not self._is_stopping:
            self._log.info(f"{why}: serving for {delay:g} s more, no longer ready")
            self._drain_at = time.monotonic() + delay
        elif not self._is_stopping:
            self._drain(why)

    def _drain(self, why: str) -> None:
        self._log.info(f"{why}: draining for up to {self._settings.graceful_timeout:g} s")
        self._stop_listening(drain_backlog=True)
        self._dispatcher.close_lane_channels()
        for _, worker in self._everyone():
            if not worker.is_ready:
                # It sits at no lane yet, so it doesn't see the channel close.
                worker.kill(signal.SIGTERM)
        self._deadline = time.monotonic() + self._settings.graceful_timeout

    def _quit(self, why: str) -> None:
        self._log.info(f"{why}: stopping at once")
        if not self._is_stopping:
            self._stop_listening(drain_backlog=False)
        for _, worker in self._everyone():
            for lane in worker.lanes:
                self._dispatcher.rest(lane)
        self._dispatcher.close_lane_channels()  # nobody is left to run a request again
        self._kill_all()

    def _stop_listening(self, *, drain_backlog: bool) -> None:
        self._is_stopping = True
        self._notifier.stopping("finishing what runs")
        self._drain_at = None
        self._reliefs.end()
        for slot in self._slots:
            slot.due = None
        self._dispatcher.stop_accepting(drain_backlog=drain_backlog)
        self._close_listeners()

    def _kill_all(self, why: str = "") -> None:
        for slot, worker in self._everyone():
            self._kill(slot, worker, why)

    def _kill(self, slot: Slot, worker: Worker, why: str) -> None:
        if why:
            self._log.warning(f"worker {slot.number} (pid {worker.pid}) {why}: killed")
        worker.kill()

    def _too_late(self, worker: Worker | None = None) -> str:
        if worker and worker.is_timed_out and not self._timeouts.spares(worker):
            return f"did not end by SIGABRT in {ABORT:g} s"
        if worker and not worker.is_ready:
            within = self._reloads.generation.settings.boot_timeout
            return f"had not loaded the application after {within:g} s"
        return f"still running after {self._settings.graceful_timeout:g} s"

    def _reopen_logs(self) -> None:
        self._logs.reopen()
        self._give_logs()
        for _, worker in self._everyone():
            worker.kill(signal.SIGUSR1)
        self._bridge.kill(signal.SIGUSR1)

    def _give_logs(self) -> None:
        self._identity.give(file.fd for file in self._logs.files if file.path is not None)

    def _reap_strangers(self) -> None:
        reap_strangers({worker.pid for _, worker in self._everyone()})

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _end_workers(self) -> None:
        # After a clean stop there is none left; after a mistake of ours, none may outlive the master.
        for _, worker in self._everyone():
            worker.kill()
            worker.bury()

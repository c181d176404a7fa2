"""The workers of one server: a process in every slot, from its fork to what is said of its end."""

from __future__ import annotations

import gc
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from fastfork.errors import ConfigError, StartError
from fastfork.log import escape
from fastfork.supervisor import words
from fastfork.supervisor.adapt import adapt
from fastfork.supervisor.cores import count_usable_cores
from fastfork.supervisor.ends import Ends
from fastfork.supervisor.heirs import slot_from, slot_left, worker_from, worker_left
from fastfork.supervisor.relief import Reliefs
from fastfork.supervisor.reload import Reloads, end_template, generation_of
from fastfork.supervisor.retirement import term_of
from fastfork.supervisor.scaling import Scaling
from fastfork.supervisor.slots import Slot
from fastfork.supervisor.spawn import DiedAtStart, Worker, chance, reap_strangers, spawn
from fastfork.supervisor.template import NoAnswer, Template
from fastfork.supervisor.timeouts import ABORT, TimeOuts
from fastfork.worker.main import Job, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.config.legacy import LegacyHooks
    from fastfork.config.surroundings import Start
    from fastfork.control.server import Watch
    from fastfork.errors import FastforkError
    from fastfork.interface import Handler
    from fastfork.settings import Settings
    from fastfork.supervisor.inheritance import Inheritance, SlotLeft, WorkerLeft
    from fastfork.supervisor.listeners import Listener
    from fastfork.supervisor.reload import Generation
    from fastfork.worker.logs import Logs

_SWIFT = 1.0
"""A worker that ends well, but sooner than this, counts as crashed: it may do so again and again."""


class Staff:
    """Keeps a worker in every slot, until the server stops."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Handler] | None,
        source: tuple[Start, Callable[[], Settings] | None],
        workers: int,
        dispatcher: Dispatcher,
        listeners: Sequence[Listener],
        logs: Logs,
        keep_fds: frozenset[int],
        legacy: LegacyHooks,
        others: Callable[[], set[int]],
        on_open: Callable[[], None],
        watch: Watch,
        unwatch: Callable[[int], None],
    ) -> None:
        """*others* are children that are no workers; *on_open* is called when all first workers are ready."""
        self._settings = settings
        self._load = load
        self._dispatcher = dispatcher
        self._listeners = listeners
        self._logs = logs
        self._log = logs.error
        self._keep_fds = keep_fds
        self._legacy = legacy
        self._others = others
        self._on_open = on_open
        self._watch = watch
        self._unwatch = unwatch
        self._ends = Ends()
        self._timeouts = TimeOuts(dispatcher, graceful_timeout=settings.graceful_timeout)
        self._dump_fd = -1
        self._is_waiting = False
        """Whether the first start failed, and a change may mend it."""
        self._is_changed = False
        """Whether something has changed since."""
        self._templates: list[Template] = []
        self.slots: list[Slot] = []
        self.refusal: FastforkError | None = None
        """Why the first start failed, if it did."""
        self.interface: str = ""
        """What kind of handler is served, once a worker has told."""
        self.is_open: bool = False
        """Whether all workers of the first start were ready."""
        self.is_stopping: bool = False
        """Whether who ends is not replaced any more."""
        self.reliefs: Reliefs = Reliefs(
            settings,
            dispatcher=dispatcher,
            slots=self.slots,
            fork=self._fork,
            log=self._log,
        )
        self.scaling: Scaling = Scaling(
            settings,
            wanted=workers,
            dispatcher=dispatcher,
            slots=self.slots,
            reliefs=self.reliefs,
            fork=self._fork,
            log=self._log,
        )
        first = generation_of(settings, number=1)
        self.reloads: Reloads = Reloads(
            first,
            source=source,
            slots=self.slots,
            reliefs=self.reliefs,
            template_of=self._template_of,
            scale=self._scale,
            log=self._log,
        )

    def begin(self, *, dump_fd: int) -> None:
        """Start the workers; their stacks go to *dump_fd*. Raises StartError."""
        self._dump_fd = dump_fd
        # What exists now is never collected: collecting would write to, and so copy, every shared page.
        gc.freeze()
        numbers, threads = range(self.scaling.wanted), range(self._settings.threads)
        # By turns: consecutive connections go to different workers, then to their next threads.
        lanes = [[self._dispatcher.lease(slot=n) for n in numbers] for _ in threads]
        for number, own in enumerate(zip(*lanes, strict=True)):
            self.slots.append(Slot(number, lanes=own))
        self._prepare()

    def inherit(self, left: Inheritance, *, dump_fd: int) -> None:
        """Go on with the workers of the image of this process before; their stacks go to *dump_fd*."""
        self._dump_fd = dump_fd
        gc.freeze()
        self.interface = left.interface
        self.scaling.wanted = left.wanted
        self.reloads.go_on_from(left.generation)
        self.slots += [slot_from(one) for one in left.slots]
        by_number = {slot.number: slot for slot in self.slots}
        for one in left.workers:
            worker = worker_from(one)
            slot = by_number.get(one.slot) or Slot(one.slot, lanes=one.lanes)
            if one.is_leaving:
                self.reliefs.leaving.append((slot, worker))
            else:
                slot.worker = worker
            self._follow(slot, worker)
        self.is_open = True
        self.reliefs.begin()

    def is_at_rest(self) -> bool:
        """Return whether no worker starts in place of another, and no slot is being made."""
        return not self.reliefs.handovers and not self.reloads.is_on and not self.scaling.is_on

    def leave_behind(self) -> tuple[list[SlotLeft], list[WorkerLeft]]:
        """Return, at rest, what the next image of this process has to know of slots and workers."""
        workers = [
            worker_left(slot, worker, is_leaving=worker is not slot.worker)
            for slot, worker in self.everyone()
        ]
        return [slot_left(slot) for slot in self.slots], workers

    def end_templates(self) -> None:
        """Have no template any more, and leave none of their processes behind."""
        for template in self._templates:
            template.end()
            template.bury()

    def _prepare(self) -> None:
        first = self.reloads.generation
        first = self.reloads.generation = first._replace(template=self._template_of(first))
        if first.template is None:
            self._fill(None)
        else:
            first.template.begin(self._fill)

    def try_again(self, why: str) -> bool:
        """Make the first workers again if they could not be (`--reload`); return whether that was so."""
        if not self._is_waiting or self.is_stopping:
            return False
        self._is_changed = True  # when the last one has ended that was made of what was before
        self._log.info(f"{why}: trying again")
        return True

    def _await_change(self, error: FastforkError) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._log.error(f"{error}\nnothing is served until a file changes")
            end_template(self.reloads.generation)
            self.kill()

    def _fill(self, error: FastforkError | None) -> None:
        """Fork the first worker of each slot, unless their template can't be."""
        if self.is_stopping:
            return
        if error is not None and self._settings.reload:
            self._await_change(error)
            return
        if error is not None:
            self.refusal = error
            self.stop()
            return
        for slot in self.slots:
            try:
                slot.worker = self._fork(slot, slot.lanes)
            except OSError as why:
                raise StartError(f"can't fork worker {slot.number}: {why.strerror}") from None

    @property
    def template(self) -> Template | None:
        """What workers are forked from now, if there is such a thing."""
        return self.reloads.generation.template

    def everyone(self) -> Iterator[tuple[Slot, Worker]]:
        """Give every worker there is, with its slot."""
        for slot in self.slots:
            if slot.worker:
                yield slot, slot.worker
        for handover in self.reliefs.handovers:
            yield handover.slot, handover.successor
        yield from self.reliefs.leaving

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        times = [slot.due for slot in self.slots]
        times += [worker.deadline for _, worker in self.everyone()]
        times += [one.next_look() for one in (self.reliefs, self.scaling, self._timeouts)]
        times += [template.next_look() for template in self._templates]
        return min((at for at in times if at is not None), default=None)

    def look(self) -> None:
        """Start whom it is time to start; end whom it is time to end."""
        self._templates = [one for one in self._templates if one.pid is not None or not one.is_over]
        for template in self._templates:
            template.look()
        if self._is_waiting and self._is_changed and not any(self.everyone()):
            self._is_waiting = self._is_changed = False
            self._prepare()
        now = time.monotonic()
        for slot in self.slots:
            if slot.due is not None and slot.due <= now:
                self._refill(slot)
        self.reliefs.look()
        self.scaling.look()
        self._timeouts.look([worker for _, worker in self.everyone()])
        for slot, worker in self.everyone():
            if worker.deadline is not None and worker.deadline <= now:
                worker.deadline = None
                self._kill(slot, worker, self._too_late(worker))

    def _scale(self, settings: Settings) -> None:
        workers = settings.workers
        wanted = workers if isinstance(workers, int) else count_usable_cores()
        try:
            self.scaling.to(wanted, why="reload", tell=lambda failure: None)
        except ConfigError as error:
            self._log.error(f"the number of workers stays: {error}")

    def forget(self) -> None:
        """Tell the next refusal in full: somebody who reloads wants to see all of it."""
        self._ends.forget()

    def stop(self) -> None:
        """Replace nobody any more."""
        self.is_stopping = True
        self.reliefs.end()
        self.scaling.end()
        for slot in self.slots:
            slot.due = None
        for template in self._templates:
            template.end()

    def kill(self, why: str = "") -> None:
        """Kill everyone, and log *why* if that is worth a line."""
        for slot, worker in self.everyone():
            self._kill(slot, worker, why)

    def run_legacy(self, run: Callable[..., None], name: str, **about: int) -> None:
        """Run a hook of a gunicorn.conf.py in the master; what it raises is logged."""
        try:
            run(name, self._log.write, **about)
        except Exception as error:
            self._log.error(f"the hook {name} of the file of settings failed: {error!r}")

    def reap_strangers(self) -> None:
        """Collect ended processes that are none of ours."""
        reap_strangers(self.pids() | self._others())

    def pids(self) -> set[int]:
        """Return the processes that have the application, or will."""
        found = {worker.pid for _, worker in self.everyone()}
        return found | {one.pid for one in self._templates if one.pid is not None}

    def reopen_logs(self) -> None:
        """Let everyone go on in the files that stand at the paths now."""
        for _, worker in self.everyone():
            worker.kill(signal.SIGUSR1)
        for template in self._templates:
            template.kill(signal.SIGUSR1)

    def end(self) -> None:
        """Leave no process behind."""
        # After a clean stop there is none left; after a mistake of ours, none may outlive the master.
        for _, worker in self.everyone():
            worker.kill()
            worker.bury()
        for template in self._templates:
            template.end()
            template.bury()

    # --- from the fork to the verdict

    def _fork(self, slot: Slot, lanes: tuple[int, ...]) -> Worker:
        self.run_legacy(self._legacy.of_worker, "pre_fork", pid=0, slot=slot.number)
        generation = self.reloads.generation
        worker = None
        if generation.template and generation.template.is_ready:
            try:
                worker = generation.template.fork(self._place_of(slot, lanes))
            except NoAnswer as error:
                self._log.error(f"{error.strerror}: worker {slot.number} imports for itself")
        if worker is None:
            worker = spawn(self._job(generation), self._place_of(slot, lanes))
        worker.generation = generation.number
        if generation.settings.boot_timeout:
            worker.deadline = time.monotonic() + generation.settings.boot_timeout
        slot.starts += 1
        worker.term = term_of(self._settings, chance=chance())
        self._follow(slot, worker)
        return worker

    def _place_of(self, slot: Slot, lanes: tuple[int, ...]) -> Place:
        return Place(
            slot=slot.number,
            workers=self.scaling.wanted,
            seats=tuple(self._dispatcher.seat(lane) for lane in lanes),
            pipes=self._dispatcher.join(lanes[0], slot=slot.number),
        )

    def _follow(self, slot: Slot, worker: Worker) -> None:
        if not worker.is_ready:
            self._watch(worker.verdict, partial(self._on_verdict, slot, worker))
        self._watch(worker.pidfd, partial(self._on_end, slot, worker))

    def _template_of(self, generation: Generation) -> Template | None:
        # What the caller of `fastfork.run` has, it has imported already.
        if self._load is not None or generation.settings.preload is False:
            return None
        template = Template(
            self._job(generation),
            seat=self._dispatcher.seat(self.slots[0].lanes[0]),
            workers=self.scaling.wanted,
            watch=self._watch,
            unwatch=self._unwatch,
            log=self._log,
        )
        self._templates.append(template)
        return template

    def _job(self, generation: Generation) -> Job:
        return Job(
            generation=generation.number,
            load=self._load,
            settings=generation.settings,
            servers=tuple(listener.server for listener in self._listeners),
            listeners=tuple(listener.fd for listener in self._listeners),
            proxies=generation.proxies,
            identity=generation.identity,
            logs=self._logs,
            dump_fd=self._dump_fd,
            keep_fds=self._keep_fds,
            legacy=self._legacy,
        )

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
        self.interface = worker.interface
        adapt(
            self._dispatcher,
            self._settings,
            worker.interface,
            listeners=[listener.fd for listener in self._listeners],
        )
        self._log.info(f"worker {slot.number} (pid {worker.pid}) started")
        if worker is not slot.worker:
            self.reliefs.take_over(slot)
        elif self.is_open:
            self._ready(slot.lanes)
            self.scaling.count_ready(slot)
        elif not self.is_stopping and all(
            slot.worker and slot.worker.is_ready for slot in self.slots
        ):
            self._open()

    def _open(self) -> None:
        self.is_open = True
        self.reliefs.begin()
        for slot in self.slots:
            self._ready(slot.lanes)
        self._on_open()

    def _ready(self, lanes: tuple[int, ...]) -> None:
        for lane in lanes:
            self._dispatcher.ready(lane)

    # --- the end

    def _on_end(self, slot: Slot, worker: Worker) -> None:
        worker.listen()
        self._unwatch(worker.verdict)
        self._unwatch(worker.pidfd)
        status = worker.bury()
        self.run_legacy(self._legacy.of_worker, "child_exit", pid=worker.pid, slot=slot.number)
        if worker is slot.worker:
            slot.worker = None
        self.reap_strangers()  # they may have stood behind it
        end = self._ends.of(worker, status)
        lost = self._dispatcher.recover(worker.lanes, by_itself=end.is_by_itself)
        handover = self.reliefs.at(slot)
        has_left = self.reliefs.has_left(slot, worker)
        slot.count_end(worker, status, is_relieved=has_left)
        for done, request, is_timed_out in self._dispatcher.rescued():
            shown = escape(request) or "a request"
            if is_timed_out:
                told = words.time_out(done, shown, seconds=self._settings.timeout)
                slot.log_end(self._log, worker, told, is_bad=True)
            else:
                self._log.warning(f"worker {slot.number} {words.rescue(done, shown)}")
        if self.refusal is not None:
            return
        if self.is_stopping or has_left:
            slot.log_end(self._log, worker, end.told(lost))
            self.scaling.conclude()
        elif not self.is_open:
            self._refuse(slot, worker, status)
        elif handover:
            self.reliefs.finish(handover, worker, told=self._ends.failure(worker, end, lost))
        else:
            failure = self._ends.failure(worker, end, lost)
            if worker.is_ready or not self.scaling.has_failed(slot, failure):
                self._replace(slot, worker, failure, status=status)

    def _replace(self, slot: Slot, worker: Worker, failure: str, *, status: int) -> None:
        healthy_for = time.monotonic() - worker.ready_at if worker.ready_at else 0.0
        if (status == 0 and healthy_for >= _SWIFT) or worker.is_timed_out:
            slot.due = time.monotonic()
            told = "was killed" if status else "exited"
            slot.log_end(self._log, worker, f"{told}; next one at once")
            return
        told = f"{failure}; {self._retry(slot, healthy_for=healthy_for)}"
        slot.log_end(self._log, worker, told, is_bad=True)

    def _retry(self, slot: Slot, *, healthy_for: float) -> str:
        delay = slot.backoff.delay(healthy_for=healthy_for, chance=chance())
        slot.due = time.monotonic() + delay
        return f"next try in {delay:.1f} s" if delay else "next try at once"

    def _refuse(self, slot: Slot, worker: Worker, status: int) -> None:
        error = worker.refusal() or DiedAtStart(
            f"worker {slot.number} (pid {worker.pid}) died before it had loaded the application:"
            f" {words.cause_of(status)}"
        )
        if self._settings.reload:
            self._await_change(error)
            return
        self.refusal = error
        self.stop()
        self.kill()

    def _kill(self, slot: Slot, worker: Worker, why: str) -> None:
        if why:
            self._log.warning(f"worker {slot.number} (pid {worker.pid}) {why}: killed")
        worker.kill()

    def _too_late(self, worker: Worker) -> str:
        if worker.is_timed_out and not self._timeouts.spares(worker):
            return f"did not end by SIGABRT in {ABORT:g} s"
        if not worker.is_ready:
            within = self.reloads.generation.settings.boot_timeout
            return f"had not loaded the application after {within:g} s"
        return words.still_running(self._settings.graceful_timeout)

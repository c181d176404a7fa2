"""The primary: forks workers, and tells its program what becomes of them.

Nothing is restarted here, and nobody is forked who was not asked for: that is the program's business.
`fastfork serve` has a policy for it (`supervisor.staff`); both stand on the same parts.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from fastfork import bus
from fastfork.cluster.child import run_program
from fastfork.cluster.core import Core
from fastfork.cluster.events import Emitter
from fastfork.cluster.keeping import Keeping
from fastfork.cluster.options import RR, Options
from fastfork.cluster.wire import DISCONNECT, GOODBYE, LEFT, LISTEN, MESSAGE, NOTE, ONLINE
from fastfork.cluster.workers import Process, Worker
from fastfork.errors import ClusterStopping, FastforkError, StartError
from fastfork.server import refuse_threads
from fastfork.slot import worker_slot
from fastfork.supervisor import pidfds
from fastfork.supervisor.signals import Intent, SignalInbox, handlers_restored, intent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastfork.cluster.child import Here


class Primary(Emitter):
    """Events: fork, online, listening, message, disconnect, exit, setup."""

    def __init__(self, *, enter: Callable[[Here], None]) -> None:
        """*enter* is called in a new worker, before its program runs."""
        super().__init__("fork", "online", "listening", "message", "disconnect", "exit", "setup")
        self.options: Options = Options()
        self.workers: dict[int, Worker] = {}
        """By id, until they have ended."""
        self._enter = enter
        self._core: Core | None = None
        self._next_id = 1
        self._coming: deque[Callable[[], None]] = deque()
        """What the next turn begins with."""
        self._on_gone: list[Callable[[], object]] = []
        self._dispatch = RR
        self._keeping = Keeping(lambda: self.fork(None, dispatch=self._dispatch))
        bus.subscribe(MESSAGE, master=True)(self._hear)
        bus.subscribe(NOTE, master=True)(self._note)
        bus.responder(LISTEN, master=True)(self._listen)
        bus.responder(DISCONNECT, master=True)(self._let_go)
        bus.responder(GOODBYE, master=True)(lambda message: True)

    def setup(self, settings: Mapping[str, Any]) -> None:
        """See `cluster.setup_primary`."""
        self.options = self.options.with_more(settings)
        self._coming.append(partial(self.emit, "setup", self.options))

    def fork(self, env: Mapping[str, str] | None, *, dispatch: str) -> Worker:
        """See `cluster.fork`."""
        if worker_slot() is not None:
            raise StartError(
                "a worker has no workers: call fork() where cluster.is_primary is true"
            )
        refuse_threads()
        options = self.options
        settings = options.settings(dispatch=dispatch)
        if self._core is None:
            pidfds.check()
            self._core = Core(settings)
        core = self._core
        if core.is_closing:
            raise ClusterStopping("the cluster is being disconnected: nobody is forked any more")
        number, slot = self._next_id, self._free_slot()
        program = partial(
            run_program, number=number, options=options, env=dict(env or {}), enter=self._enter
        )
        process = core.fork(slot, program, settings)
        self._next_id += 1
        worker = self.workers[number] = Worker(number, slot=slot, core=core, process=process)
        core.watch(process.verdict, partial(self._on_verdict, worker))
        core.watch(process.pidfd, partial(self._on_end, worker))
        self._coming.append(partial(self.emit, "fork", worker))
        return worker

    def keep(self, count: int, *, dispatch: str) -> None:
        """See `cluster.keep`."""
        self._dispatch = dispatch
        self._keeping.begin(count)

    def disconnect(self, callback: Callable[[], object] | None, timeout: float | None) -> None:
        """See `cluster.disconnect`."""
        if callback is not None:
            self._on_gone.append(callback)
        self._keeping.end()
        core = self._core
        if core is None or not self.workers:
            self._coming.append(self._end)
            return
        if not core.is_closing:
            core.let_all_leave(self.workers.values())
        for worker in self.workers.values():
            if worker.is_connected():
                worker.exited_after_disconnect = True
                worker.state = "draining"
            if timeout is not None:
                worker.is_late_at = time.monotonic() + timeout

    def turn(self, timeout: float | None) -> bool:
        """See `cluster.turn`."""
        for _ in range(len(self._coming)):
            self._coming.popleft()()
        self._keeping.look()
        core = self._core
        if core is None:
            return bool(self._coming)
        if self.workers or not core.is_closing:
            core.turn(self._patience(timeout), self.workers.values())
            for worker in self.workers.values():
                worker.hurry()
        if not self.workers and core.is_closing:
            self._end()
        return bool(self.workers or self._coming or self._keeping)

    def run(self) -> None:
        """See `cluster.run`."""
        with handlers_restored(), SignalInbox() as inbox:
            try:
                watched: Core | None = None
                while True:
                    if self._core is not None and self._core is not watched:
                        watched = self._core
                        watched.watch(inbox.fd, partial(self._on_signals, inbox))
                    if not self.turn(None):
                        break
            finally:
                self._end()

    # --- what happens

    def _on_signals(self, inbox: SignalInbox) -> None:
        for number in inbox.read():
            intent = intent_of(number)
            is_stopping = self._core is not None and self._core.is_closing
            if intent is Intent.QUIT or (intent is Intent.DRAIN and is_stopping):
                for worker in self.workers.values():
                    worker.kill(signal.SIGKILL)
            if intent in (Intent.DRAIN, Intent.QUIT) and not is_stopping:
                core = self._core
                assert core is not None
                self.disconnect(None, core.settings.graceful_timeout)

    def _on_verdict(self, worker: Worker) -> None:
        if not worker.inner.listen():
            return
        core = self._core
        assert core is not None
        core.unwatch(worker.inner.verdict)
        if worker.inner.is_ready and worker.state == "online":
            worker.state = "listening"
            core.let_serve(worker)
            for address in core.addresses:
                self._tell(worker, "listening", address)
        elif worker.inner.is_ready and not core.is_closing:
            core.let_leave(worker)  # it was told to go while it sat down

    def _on_end(self, worker: Worker) -> None:
        core = self._core
        assert core is not None
        status = core.bury(worker)
        self._disconnected(worker)
        worker.state = "dead"
        worker.exited_after_disconnect = bool(worker.exited_after_disconnect)
        code = status if status >= 0 else None
        name = signal.Signals(-status).name if status < 0 else None
        worker.process = Process(worker.process.pid, code, name)
        del self.workers[worker.id]
        if not core.is_closing:
            self._keeping.ended(worker)
        self._tell(worker, "exit", code, name)

    def _hear(self, _topic: str, message: Any, sender: int | str) -> None:
        if worker := self._in_slot(sender):
            self._tell(worker, "message", message)

    def _note(self, _topic: str, word: str, sender: int | str) -> None:
        worker = self._in_slot(sender)
        if worker is None:
            return
        if word == ONLINE:
            worker.go_online()
            self._tell(worker, "online")
        elif word == LEFT:
            self._disconnected(worker)

    def _listen(self, asked: dict[str, Any]) -> dict[str, Any]:
        core = self._core
        assert core is not None
        try:
            core.listen(tuple(asked["binds"]), asked["backlog"])
        except FastforkError as error:
            return {"error": str(error)}
        return {"servers": core.servers}

    def _let_go(self, number: int) -> bool:
        if worker := self.workers.get(number):
            worker.disconnect(timeout=None)
        return True

    def _disconnected(self, worker: Worker) -> None:
        if worker.is_connected():
            worker.state = "disconnected"
            self._tell(worker, "disconnect")

    def _tell(self, worker: Worker, event: str, *arguments: Any) -> None:
        worker.emit(event, *arguments)
        self.emit(event, worker, *arguments)

    def _end(self) -> None:
        self._keeping.end()
        core, self._core = self._core, None
        if core is not None:
            if self.workers:  # the program ends without having said so
                core.end(list(self.workers.values()))
                self.workers.clear()
            core.close()
        gone, self._on_gone = self._on_gone, []
        for callback in gone:
            callback()

    def _in_slot(self, slot: int | str) -> Worker | None:
        return next((worker for worker in self.workers.values() if worker.slot == slot), None)

    def _free_slot(self) -> int:
        taken = {worker.slot for worker in self.workers.values()}
        return next(slot for slot in range(len(taken) + 1) if slot not in taken)

    def _patience(self, timeout: float | None) -> float | None:
        if self._coming:
            return 0.0
        times = [worker.next_look() for worker in self.workers.values()]
        times.append(self._keeping.next_look())
        known = [at - time.monotonic() for at in times if at is not None]
        if timeout is not None:
            known.append(timeout)
        return max(0.0, min(known)) if known else None

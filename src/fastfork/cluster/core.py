"""What a primary has while it has workers: dispatcher, listeners, bus; the parts of `fastfork serve`."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from fastfork._native.bus import packed
from fastfork._native.dispatcher import MAIL, Dispatcher
from fastfork.bus.endpoint import SEND
from fastfork.bus.master import open_post
from fastfork.cluster.wire import LEAVE, NOTE
from fastfork.cluster.workers import Address
from fastfork.errors import StartError
from fastfork.log import escape
from fastfork.supervisor import words
from fastfork.supervisor.adapt import adapt
from fastfork.supervisor.binds import UnixBind, parse_bind
from fastfork.supervisor.cores import count_usable_cores
from fastfork.supervisor.ends import Ends
from fastfork.supervisor.limits import connection_limit, raise_open_files
from fastfork.supervisor.listeners import open_listeners
from fastfork.supervisor.spawn import spawn
from fastfork.supervisor.timeouts import TimeOuts
from fastfork.worker.identity import identity_of
from fastfork.worker.logs import Logs
from fastfork.worker.main import Job, Place
from fastfork.worker.proxies import proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fastfork.cluster.workers import Worker
    from fastfork.settings import Settings
    from fastfork.supervisor import spawn as spawning
    from fastfork.supervisor.listeners import Listener
    from fastfork.worker.main import Desk

_LANES = 256


class Core:
    """Lives from the first fork until nobody is left, and is then made anew."""

    def __init__(self, settings: Settings) -> None:
        """Workers keep what this process has open now, and still has when they are forked.

        Raises FastforkError, OSError.
        """
        self._before = _descriptors()
        limit = connection_limit(
            settings.max_connections, open_files=raise_open_files(), lanes=_LANES
        )
        self.settings = settings
        self.addresses: tuple[Address, ...] = ()
        self.servers: tuple[tuple[str, str], ...] = ()
        self.is_closing: bool = False
        """Whether all workers are to leave, and nobody new may come."""
        self._binds: tuple[str, ...] = ()
        self._listeners: list[Listener] = []
        self._acts: dict[int, Callable[[], None]] = {}
        with ExitStack() as stack:
            self._logs = Logs(settings)
            stack.callback(self._logs.close)
            self._dispatcher = Dispatcher(
                max_connections=limit,
                keep_alive=settings.keep_alive,
                silence=settings.head_timeout,
                timeout=settings.timeout,
                dispatch="round-robin" if settings.dispatch == "auto" else settings.dispatch,
                replay=settings.replay != "off",
            )
            stack.callback(self._dispatcher.close)
            stack.callback(self._close_listeners)
            self._post, self._read_mail = open_post(
                self._dispatcher, settings, log=self._logs.error
            )
            self._acts[MAIL] = self._read_mail
            self._timeouts = TimeOuts(self._dispatcher, graceful_timeout=settings.graceful_timeout)
            self._ends = Ends()
            self._open = stack.pop_all()

    def close(self) -> None:
        """Close everything; workers that still run will notice."""
        self._open.close()

    # --- workers

    def fork(
        self, slot: int, program: Callable[[Desk], int], settings: Settings
    ) -> spawning.Worker:
        """Fork a process for *slot* that runs *program*. Raises OSError."""
        lanes = tuple(self._dispatcher.lease(slot=slot) for _ in range(settings.threads))
        try:
            return self._fork(slot, lanes, program, settings)
        except OSError:
            self._give_back(lanes, by_itself=False)
            raise

    def _fork(
        self,
        slot: int,
        lanes: tuple[int, ...],
        program: Callable[[Desk], int],
        settings: Settings,
    ) -> spawning.Worker:
        workers = settings.workers if isinstance(settings.workers, int) else count_usable_cores()
        place = Place(
            slot=slot,
            workers=max(workers, slot + 1),
            seats=tuple(self._dispatcher.seat(lane) for lane in lanes),
            pipes=self._dispatcher.join(lanes[0], slot=slot),
        )
        job = Job(
            generation=1,
            load=None,
            settings=settings,
            servers=(),
            listeners=(),
            proxies=proxies_of(settings),
            identity=identity_of(settings),
            logs=self._logs,
            dump_fd=2,
            keep_fds=frozenset(fd for fd, _ in self._before & _descriptors()),
            program=program,
        )
        return spawn(job, place)

    def let_serve(self, worker: Worker) -> None:
        """Deal connections to *worker*: it has sat down."""
        adapt(self._dispatcher, self.settings, worker.inner.interface)
        for lane in worker.inner.lanes:
            self._dispatcher.ready(lane)

    def let_leave(self, worker: Worker) -> None:
        """Deal nothing more to *worker*, and let it end."""
        if worker.inner.is_ready:
            for lane in worker.inner.lanes:
                self._dispatcher.leave(lane)
        self.say(worker.slot, NOTE, LEAVE)

    def bury(self, worker: Worker) -> int:
        """Hear the last words of *worker*, whose process has ended; return what it ended with.

        What it had of connections goes to others.
        """
        process = worker.inner
        process.listen()
        self.unwatch(process.verdict)
        self.unwatch(process.pidfd)
        self._read_mail()
        status = process.bury()
        self._give_back(process.lanes, by_itself=self._ends.of(process, status).is_by_itself)
        for done, request, is_timed_out in self._dispatcher.rescued():
            shown = escape(request) or "a request"
            told = (
                words.time_out(done, shown, seconds=self.settings.timeout)
                if is_timed_out
                else words.rescue(done, shown)
            )
            self._logs.error.warning(f"worker {worker.id} {told}")
        return status

    def _give_back(self, lanes: tuple[int, ...], *, by_itself: bool) -> None:
        self._dispatcher.recover(lanes, by_itself=by_itself)
        for lane in lanes:
            self._dispatcher.release(lane)

    def end(self, workers: Sequence[Worker]) -> None:
        """Let *workers* finish what runs, within --graceful-timeout, and end; nobody is left behind."""
        poller = select.poll()
        for worker in workers:
            worker.inner.kill(signal.SIGTERM)
            poller.register(worker.inner.pidfd, select.POLLIN)
        left = {worker.inner.pidfd for worker in workers}
        deadline = time.monotonic() + self.settings.graceful_timeout
        while left and (within := deadline - time.monotonic()) > 0:
            for fd, _ in poller.poll(within * 1000):
                poller.unregister(fd)
                left.discard(fd)
        for worker in workers:
            worker.inner.kill()
            self.bury(worker)

    def say(self, slot: int, topic: str, message: Any) -> bool:
        """Send to the worker in *slot*; return False if there is no room."""
        flags, octets = packed(message)
        return self._post.say(SEND, flags, topic, octets, slot)

    # --- listening

    def listen(self, binds: tuple[str, ...], backlog: int) -> None:
        """Listen on *binds*, if we don't already. Raises FastforkError."""
        if self._binds == binds:
            return
        if self._binds:
            raise StartError(
                f"the workers of a cluster serve the same addresses, here {', '.join(self._binds)};"
                f" {', '.join(binds)} needs a cluster of its own, in another process"
            )
        parsed = [parse_bind(text) for text in binds]
        self._listeners = open_listeners(parsed, backlog=backlog)
        self._binds = binds
        for listener in self._listeners:
            self._dispatcher.listen(listener.fd)
        self.servers = tuple(listener.server for listener in self._listeners)
        self.addresses = tuple(
            Address(listener.url.removeprefix("unix:"), -1, -1)
            if isinstance(bind, UnixBind)
            else Address(host, int(port), 6 if ":" in host else 4)
            for bind, listener, (host, port) in zip(
                parsed, self._listeners, self.servers, strict=True
            )
        )

    def let_all_leave(self, workers: Iterable[Worker]) -> None:
        """Listen no more; let *workers* serve what has come, and end."""
        self.is_closing = True
        self._dispatcher.stop_accepting(drain_backlog=True)
        self._close_listeners()
        self._dispatcher.close_lane_channels()
        for worker in workers:
            self.say(worker.slot, NOTE, LEAVE)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    # --- the loop

    def watch(self, fd: int, act: Callable[[], None]) -> None:
        """Call *act* whenever *fd* is readable."""
        self._dispatcher.watch(fd)
        self._acts[fd] = act

    def unwatch(self, fd: int) -> None:
        """Watch *fd* no more."""
        if self._acts.pop(fd, None) is not None:
            self._dispatcher.unwatch(fd)

    def turn(self, timeout: float | None, workers: Iterable[Worker]) -> None:
        """Accept and deal until something happened, or for *timeout* seconds; act on it."""
        if (at := self._timeouts.next_look()) is not None:
            until = max(0.0, at - time.monotonic())
            timeout = until if timeout is None else min(timeout, until)
        for fd in self._dispatcher.wait(timeout):
            # An act may have ended the watch on a descriptor that comes later in the list.
            if act := self._acts.get(fd):
                act()
        self._timeouts.look([worker.inner for worker in workers])


def _descriptors() -> set[tuple[int, str]]:
    """Return the descriptors of this process that are files, pipes and sockets, and what each is.

    A number alone says nothing: the program may have closed it, and it is something of ours now.
    """
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            what = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # what listdir had open
            continue
        if not what.startswith("anon_inode:"):
            found.add((int(name), what))
    return found

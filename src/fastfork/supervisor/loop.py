"""The master's only loop: wait, look, act.

Waiting is the dispatcher's: it accepts and deals connections by itself, and comes back when a descriptor
that was registered here is readable (a signal, a worker's verdict, a worker's end) or a time has come.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fastfork._native import cells
from fastfork._native.dispatcher import MAIL, Dispatcher, adopt_orphans
from fastfork._version import __version__
from fastfork.bus.master import open_post
from fastfork.config.legacy import LegacyHooks
from fastfork.control.server import answer_late
from fastfork.errors import FastforkError
from fastfork.supervisor import words
from fastfork.supervisor.adapt import policy_of
from fastfork.supervisor.binds import FdBind, parse_bind
from fastfork.supervisor.bridge import Bridge
from fastfork.supervisor.inheritance import Inheritance
from fastfork.supervisor.limits import connection_limit, raise_open_files
from fastfork.supervisor.listeners import open_listeners
from fastfork.supervisor.pidfile import PidFile
from fastfork.supervisor.rotation import Rotation
from fastfork.supervisor.signals import (
    Intent,
    SignalInbox,
    hold_back,
    intent_of,
    let_through,
    name_of,
    newest,
)
from fastfork.supervisor.spawn import children
from fastfork.supervisor.staff import Staff
from fastfork.supervisor.steering import Steering
from fastfork.supervisor.systemd import Notifier, take_sockets
from fastfork.supervisor.upgrade import Upgrade
from fastfork.supervisor.watching import Watching
from fastfork.worker.identity import identity_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork.config.surroundings import Start
    from fastfork.interface import Handler
    from fastfork.settings import Settings
    from fastfork.supervisor.binds import Bind
    from fastfork.supervisor.relief import Tell
    from fastfork.supervisor.upgrade import Image
    from fastfork.worker.logs import Logs


class Master:
    """Listens, keeps a worker in every slot, and stops when a signal says so."""

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Handler] | None,
        start: Start,
        read: Callable[[], Settings] | None,
        workers: int,
        logs: Logs,
        keep_fds: frozenset[int],
        legacy: LegacyHooks | None = None,
        image: Image | None = None,
    ) -> None:
        self._settings = settings
        self._load = load
        self._source = (start, read)
        self._workers = workers
        self._threads = settings.threads
        self._logs = logs
        self._log = logs.error
        self._keep_fds = keep_fds
        self._legacy = legacy or LegacyHooks()
        self._image = image
        self._inherited = image.inherited if image else None
        """What the image of this process before has left, if it was upgraded in place."""
        self._acts: dict[int, Callable[[], None]] = {}
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
        left = self._inherited
        sockets = take_sockets(os.environ, pid=os.getpid())
        binds: list[Bind] = [FdBind(fd) for fd in sockets]
        binds = binds or [parse_bind(text) for text in settings.bind]
        self._identity = identity_of(settings)
        self._give_logs()
        with ExitStack() as stack:
            # First in and last out: no signal may end the process between a file made and a file removed.
            self._inbox = stack.enter_context(SignalInbox(left.inbox if left else None))
            if settings.pid is not None:
                self._pidfile = PidFile(settings.pid)
                self._pidfile.write()
                stack.callback(self._pidfile.remove)
            self._listeners = (
                left.listeners if left else open_listeners(binds, backlog=settings.backlog)
            )
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
                body_timeout=settings.body_timeout,
                timeout=settings.timeout,
                dispatch=policy_of(settings.dispatch, "wsgi"),  # until a worker tells
                replay=settings.replay != "off",
                inherited=left.core if left else None,
            )
            stack.callback(self._dispatcher.close)
            if left:
                cells.inherit(left.cells)
                self._dispatcher.survive(False)
                for fd in left.fds:
                    os.set_inheritable(fd, False)
            post, self._acts[MAIL] = open_post(self._dispatcher, settings, log=self._log)
            self._bridge = Bridge(
                settings,
                post=post,
                logs=self._logs,
                watch=self._watch,
                unwatch=self._unwatch,
                is_late=left is not None,
            )
            stack.callback(self._bridge.end)
            self._staff = Staff(
                settings,
                load=self._load,
                source=self._source,
                workers=self._workers,
                dispatcher=self._dispatcher,
                listeners=self._listeners,
                logs=self._logs,
                keep_fds=self._keep_fds,
                legacy=self._legacy,
                others=self._other_children,
                on_open=self._on_open,
                watch=self._watch,
                unwatch=self._unwatch,
            )
            # Workers that a template forks lose their parent at once, and become ours.
            self._children_before = set() if left else children()
            stack.callback(adopt_orphans, adopt_orphans(on=True))
            self._watching = None
            if settings.reload:
                self._watching = Watching(
                    logs=self._logs,
                    on_change=self._on_change,
                    watch=self._watch,
                    unwatch=self._unwatch,
                )
                stack.callback(self._watching.end)
            self._watch(self._inbox.fd, self._on_signals)
            self._steering = stack.enter_context(self._open_steering())
            self._upgrade = Upgrade(
                settings,
                self._image,
                is_at_rest=self._staff.is_at_rest,
                hand_over=self._hand_over,
                survive=self._dispatcher.survive,
                go_on=self._go_on,
                watch=self._watch,
                unwatch=self._unwatch,
                log=self._log,
            )
            stack.callback(self._upgrade.end)
            stack.callback(self._staff.end)
            self._start()
            while self._is_needed():
                self._turn()
        self._staff.run_legacy(self._legacy.of_server, "on_exit")
        if self._staff.refusal is not None:
            raise self._staff.refusal
        self._log.info("stopped")

    # --- start

    def _start(self) -> None:
        self._log.info(f"fastfork {__version__} starts {self._settings.app} (pid {os.getpid()})")
        if self._settings.dispatch != "shared":
            for listener in self._listeners:
                self._dispatcher.listen(listener.fd)
        if self._watching is not None:
            self._watching.begin()
        if self._inherited is None:
            self._staff.run_legacy(self._legacy.of_server, "on_starting")
            self._staff.begin(dump_fd=self._steering.dumps.theirs)
        else:
            self._take_over(self._inherited)

    def _take_over(self, left: Inheritance) -> None:
        """Go on where the image before this one has stopped, and let workers follow."""
        self._staff.inherit(left, dump_fd=self._steering.dumps.theirs)
        self._on_open()

        def told(failure: str | None) -> None:
            if left.asker is not None:
                answer_late(left.asker, {"version": __version__}, failure)

        self._reload(f"upgraded from version {left.version} to {__version__}", told)

    def _on_open(self) -> None:
        count = f"{self._workers} worker{'s' if self._workers > 1 else ''}"
        if self._threads > 1:
            count += f" x {self._threads} threads"
        self._log.info(f"{self._settings.app} runs in {count}, interface {self._staff.interface}")
        for listener in self._listeners:
            self._log.info(f"Listening at: {listener.url}")
        self._staff.run_legacy(self._legacy.of_server, "when_ready")
        self._notifier.ready(f"serving {self._settings.app} in {count}")

    # --- the loop

    def _is_needed(self) -> bool:
        return not self._staff.is_stopping or any(self._staff.everyone())

    def _turn(self) -> None:
        for fd in self._dispatcher.wait(self._patience()):
            # An act may have ended the watch on a descriptor that comes later in the list.
            if act := self._acts.get(fd):
                act()
        if (shortage := self._dispatcher.shortage()) is not None:
            self._log.warning(words.shortage(*shortage))
        self._bridge.look()
        self._staff.look()
        if self._rotation.look(self._staff.pids()):
            self._reopen_logs()
        self._steering.dumps.look()
        self._notifier.look()
        self._upgrade.look()
        now = time.monotonic()
        if self._drain_at is not None and self._drain_at <= now:
            self._drain("now")
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._staff.kill(words.still_running(self._settings.graceful_timeout))

    # --- the next image

    def _begin_upgrade(self, why: str, tell: Tell, asker: int | None = None) -> None:
        if self._state() == "serving":
            self._upgrade.begin(why, tell, asker=asker)
        else:
            self._log.error(f"{why}: not upgraded, the server is {self._state()}")
            tell(f"the server is {self._state()}")

    def _hand_over(self, asker: int | None) -> Inheritance:
        """End what the next image makes for itself, and return the rest; signals wait for it."""
        self._mask = hold_back()
        self._rotation.close()
        if self._watching is not None:
            self._watching.end()
        self._bridge.end()
        self._staff.end_templates()
        control, admin = self._steering.listeners
        slots, workers = self._staff.leave_behind()
        return Inheritance(
            version=__version__,
            core=self._dispatcher.hand_over(),
            cells=cells.fd(),
            inbox=self._inbox.fds,
            dumps=self._steering.dumps.fds,
            listeners=self._listeners,
            control=control,
            admin=admin,
            began=self._steering.began,
            generation=self._staff.reloads.generation.number,
            wanted=self._staff.scaling.wanted,
            interface=self._staff.interface,
            slots=slots,
            workers=workers,
            asker=asker,
        )

    def _go_on(self) -> None:
        """There is no next image: make again what was ended for it."""
        let_through(self._mask)
        if self._watching is not None:
            self._watching.begin()
        self._bridge.begin_again()
        self._reload("not upgraded", lambda failure: None)

    def _patience(self) -> float | None:
        lookers = (
            *(self._bridge, self._staff, self._rotation, self._steering.dumps, self._notifier),
            self._upgrade,
        )
        times = [self._drain_at, self._deadline, *(one.next_look() for one in lookers)]
        known = [at for at in times if at is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _watch(self, fd: int, act: Callable[[], None]) -> None:
        self._dispatcher.watch(fd)
        self._acts[fd] = act

    def _unwatch(self, fd: int) -> None:
        if self._acts.pop(fd, None) is not None:
            self._dispatcher.unwatch(fd)

    # --- steering

    def _open_steering(self) -> Steering:
        return Steering(
            self._settings,
            dispatcher=self._dispatcher,
            slots=self._staff.slots,
            listeners=self._listeners,
            logs=self._logs,
            state=self._state,
            broker=lambda: self._bridge.view,
            template=lambda: self._staff.template,
            relieve=self._staff.reliefs.relieve,
            reload=self._reload,
            upgrade=self._begin_upgrade,
            scale=self._scale,
            stop=self._stop,
            kill=self._quit,
            watch=self._watch,
            unwatch=self._unwatch,
            inherited=self._inherited,
        )

    def _state(self) -> str:
        if self._staff.is_stopping or self._drain_at is not None:
            return "draining"
        return "serving" if self._staff.is_open else "starting"

    # --- signals and the end

    def _on_signals(self) -> None:
        for number in newest(self._inbox.read()):
            intent = intent_of(number)
            if intent is Intent.DRAIN and not self._staff.is_stopping:
                self._stop(name_of(number))
            elif intent is Intent.DRAIN or intent is Intent.QUIT:
                self._quit(name_of(number))
            elif intent is Intent.UPGRADE:
                self._begin_upgrade(name_of(number), lambda failure: None)
            elif intent is Intent.RELOAD:
                self._reload(name_of(number), lambda failure: None)
            elif intent is Intent.MORE or intent is Intent.FEWER:
                self._step(name_of(number), 1 if intent is Intent.MORE else -1)
            elif intent is Intent.REAP:
                self._staff.reap_strangers()
            elif intent is Intent.REOPEN:
                self._log.info(f"{name_of(number)}: reopening the logs")
                self._reopen_logs()

    def _on_change(self, why: str) -> None:
        if not self._staff.try_again(why) and not self._staff.is_stopping:
            self._reload(why, lambda failure: None)

    def _reload(self, why: str, tell: Tell) -> None:
        def told(failure: str | None) -> None:
            self._notifier.reloaded()
            tell(failure)

        self._notifier.reloading()
        self._staff.run_legacy(self._legacy.of_server, "on_reload")
        self._staff.forget()
        self._staff.reloads.begin(why, told)

    def _step(self, why: str, more: int) -> None:
        scaling = self._staff.scaling
        try:
            self._scale(max(1, scaling.wanted + more), why, lambda failure: None)
        except FastforkError as error:
            self._log.error(f"{why}: {error}")

    def _scale(self, workers: int, why: str, tell: Tell) -> None:
        if self._staff.is_stopping:
            tell("the server stops")
        else:
            self._staff.scaling.to(workers, why=why, tell=tell)

    def _stop(self, why: str) -> None:
        delay = self._settings.shutdown_delay
        if self._staff.is_open and delay and self._drain_at is None and not self._staff.is_stopping:
            self._log.info(f"{why}: serving for {delay:g} s more, no longer ready")
            self._drain_at = time.monotonic() + delay
            self._upgrade.end()
        elif not self._staff.is_stopping:
            self._drain(why)

    def _drain(self, why: str) -> None:
        self._stop_listening(drain_backlog=True)
        self._dispatcher.close_lane_channels()
        # Said when it is so: what is answered after this line says that its connection closes.
        self._log.info(f"{why}: draining for up to {self._settings.graceful_timeout:g} s")
        for _, worker in self._staff.everyone():
            if not worker.is_ready:
                # It sits at no lane yet, so it doesn't see the channel close.
                worker.kill(signal.SIGTERM)
        self._deadline = time.monotonic() + self._settings.graceful_timeout

    def _quit(self, why: str) -> None:
        self._log.info(f"{why}: stopping at once")
        if not self._staff.is_stopping:
            self._stop_listening(drain_backlog=False)
        for _, worker in self._staff.everyone():
            for lane in worker.lanes:
                self._dispatcher.rest(lane)
        self._dispatcher.close_lane_channels()  # nobody is left to run a request again
        self._staff.kill()

    def _stop_listening(self, *, drain_backlog: bool) -> None:
        self._staff.stop()
        self._upgrade.end()
        self._notifier.stopping("finishing what runs")
        self._drain_at = None
        self._dispatcher.stop_accepting(drain_backlog=drain_backlog)
        self._close_listeners()

    def _reopen_logs(self) -> None:
        self._logs.reopen()
        self._give_logs()
        self._staff.reopen_logs()
        self._bridge.kill(signal.SIGUSR1)

    def _give_logs(self) -> None:
        self._identity.give(file.fd for file in self._logs.files if file.path is not None)

    def _other_children(self) -> set[int]:
        watching = self._watching.pid if self._watching else None
        beside = {self._bridge.pid, watching, self._rotation.packer, self._upgrade.pid}
        return self._children_before | {pid for pid in beside if pid is not None}

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

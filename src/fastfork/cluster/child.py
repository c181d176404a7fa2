"""A worker, as it sees itself: it runs the program, talks to the primary, and serves if it is told to."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from fastfork import app as application
from fastfork import bus
from fastfork.cluster.events import Emitter
from fastfork.cluster.options import main_module, main_path
from fastfork.cluster.wire import DISCONNECT, GOODBYE, LEAVE, LEFT, LISTEN, MESSAGE, NOTE, ONLINE
from fastfork.errors import BindError, BusError, FastforkError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastfork.cluster.options import Options
    from fastfork.worker.main import Desk

_HELD = 10_000
"""Messages that wait for somebody who wants to hear them."""

_GOODBYE = 5.0
"""Seconds that a primary has to hear a worker's last words."""


class Here(Emitter):
    """This worker. Events: message, disconnect.

    Handlers of messages run on the thread of the bus, one after the other; what comes before there is
    one waits.
    """

    def __init__(self, number: int, desk: Desk) -> None:
        super().__init__("message", "disconnect")
        self.id = number
        self.slot: int = desk.place.slot
        self.state: str = "online"
        self.exited_after_disconnect: bool | None = None
        self._desk = desk
        self._held: deque[Any] = deque(maxlen=_HELD)
        self._lock = threading.RLock()
        self._leave = threading.Event()
        self._is_waiting = False
        self._code: int | None = None

    def is_dead(self) -> bool:
        """Return False: who can ask lives."""
        return False

    def is_connected(self) -> bool:
        """Whether the primary can be spoken to."""
        return self.state != "disconnected"

    def send(self, message: Any) -> bool:
        """Send what msgpack can hold to the primary; return False if it is gone."""
        if not self.is_connected():
            return False
        bus.send("master", message, topic=MESSAGE)
        return True

    def disconnect(self) -> None:
        """Get nothing more, finish, and let `serve` or `run` return."""
        if self.exited_after_disconnect:
            return
        self.exited_after_disconnect = True
        bus.request(DISCONNECT, self.id)
        self._leave.set()

    def kill(self) -> None:
        """Disconnect, finish, and end with exit code 0; in the main thread, or while it serves or waits."""
        self._code = 0
        self.disconnect()
        if not self._is_waiting:
            sys.exit(0)

    def serve(self, handler: Any, binds: tuple[str, ...], *, backlog: int | None) -> None:
        """See `cluster.serve`. For the cluster."""
        if self.state != "online":
            raise StartError("a worker serves once")
        if self._leave.is_set():  # told to go before it began
            self._end()
            return
        settings = self._desk.job.settings
        name = getattr(handler, "__qualname__", type(handler).__name__)
        checked = application.check(handler, name=name, interface=settings.interface)
        asked = {"id": self.id, "binds": list(binds), "backlog": backlog or settings.backlog}
        answer = bus.request(LISTEN, asked)
        if "error" in answer:
            raise BindError(answer["error"])
        self.state, self._is_waiting = "listening", True
        try:
            self._desk.serve(checked, servers=tuple(map(tuple, answer["servers"])))
        finally:
            self._is_waiting = False
            # What follows is the program's again, and ends as a program does.
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._end()

    def run(self) -> None:
        """See `cluster.run`. For the cluster."""
        self._is_waiting = True
        self._desk.here.open(bus.duties)
        self._leave.wait()
        self._is_waiting = False
        self._end()

    def begin(self) -> None:
        """Listen to the primary, and tell it that we are here. For the cluster."""
        here = self._desk.here
        here.on_end = self._on_primary_gone
        here.announce()
        here.open(())
        bus.send("master", ONLINE, topic=NOTE)

    def say_goodbye(self) -> None:
        """Wait until the primary has heard all that was said: what waits ends with us. For the cluster."""
        try:
            bus.request(GOODBYE, timeout=_GOODBYE)
        except BusError:
            pass  # it is gone, or has other things to do

    def hear(self, message: Any) -> None:
        """Give a message to who wants it, or keep it. For the cluster."""
        with self._lock:
            self._held.append(message)
            try:
                self._added("message")
            except SystemExit as stop:
                self._exit(stop.code if isinstance(stop.code, int) else 1)

    def note(self, word: str) -> None:
        """Hear what the primary says. For the cluster."""
        if word == LEAVE:
            self.exited_after_disconnect = True
            self._leave.set()

    def _added(self, event: str) -> None:
        with self._lock:
            while event == "message" and self._held and self.hears(event):
                self.emit("message", self._held.popleft())

    def _exit(self, code: int) -> None:
        """End with *code*, from the thread of the bus."""
        self._code = code
        if self._is_waiting:
            self.disconnect()
        else:
            os.kill(os.getpid(), signal.SIGTERM)  # the program is somewhere else

    def _end(self) -> None:
        self.state = "disconnected"
        if self.exited_after_disconnect is None:
            self.exited_after_disconnect = False
        bus.send("master", LEFT, topic=NOTE)
        self.emit("disconnect")
        if self._code is not None:
            sys.exit(self._code)

    def _on_primary_gone(self) -> None:
        if self._leave.is_set():
            return
        self._leave.set()
        if not self._is_waiting:  # the program is somewhere else, and nobody will ever tell it
            os.kill(os.getpid(), signal.SIGTERM)


def run_program(
    desk: Desk,
    number: int,
    options: Options,
    env: Mapping[str, str],
    enter: Callable[[Here], None],
) -> int:
    """Run what *options* say as worker *number*; return its exit code. Raises SystemExit, if that does."""
    os.environ.update(env)
    if options.cwd is not None:
        os.chdir(options.cwd)
    here = Here(number, desk)
    enter(here)
    here.begin()
    try:
        _run(options)
    except FastforkError as error:
        desk.job.logs.error.error(f"worker {number} ends: {error}")
        return error.exit_code
    finally:
        here.say_goodbye()
    return 0


def _run(options: Options) -> None:
    what = options.exec
    if callable(what):
        what()
        return
    module, path = main_module() if what is None else None, what or main_path()
    if path is None:
        raise StartError("there is no program to run again; name one: setup_primary(exec=...)")
    sys.argv[0] = path
    if options.args is not None:
        sys.argv[1:] = options.args
    if module is not None:
        # As `python -m` does; a package runs its __main__.
        runpy.run_module(module.removesuffix(".__main__"), run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(path, run_name="__main__")

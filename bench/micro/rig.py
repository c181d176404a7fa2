"""A master and one worker that can be held still, so that what a request costs can be counted exactly.

Not the real server: its loop is here, and it obeys: `Rig.freeze` keeps the master from doing anything, and a
request for /gate keeps the worker inside the application until it is let go. So the octets that are there
when the worker looks are the same in each run, on any machine.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "macro"))

import tree  # noqa: E402 - a directory of scripts
from client import LAST_REQUEST, Connection  # noqa: E402

from fastfork._native import wsgi  # noqa: E402
from fastfork._native.dispatcher import Dispatcher, Seat  # noqa: E402
from fastfork._native.lane import Lane  # noqa: E402
from fastfork._native.networks import Networks  # noqa: E402

PATIENCE = 60.0
"""Seconds for anything; under valgrind all is slow."""

ROOM = 8192
"""Connections at most."""


def answer(body: bytes, start_response: Any) -> Iterable[bytes]:
    """Answer *body*, as `apps.hello` does."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Say hello; at /gate wait to be let go, at /count say what counter.c has counted."""
    path = environ["PATH_INFO"]
    if path == "/gate":
        os.write(_inside, b".")
        os.read(_gate, 1)
    elif path == "/count":
        import ctypes

        return answer(str(ctypes.CDLL(None).ff_allocations()).encode(), start_response)
    return answer(b"Hello, World!", start_response)


def work(seat: Seat) -> NoReturn:
    """Be the worker, until SIGTERM."""
    lane = Lane(
        seat,
        head_timeout=0,
        body_timeout=0,
        write_timeout=0,
        linger=PATIENCE,
        relays=Networks(""),
        trusted=Networks("127.0.0.1,::1"),
        body_buffer=1 << 20,
        limit_head=16_384,
        limit_line=8190,
        limit_field=8190,
        limit_fields=100,
    )
    signal.signal(signal.SIGTERM, lambda number, frame: lane.drain())
    signal.set_wakeup_fd(lane.wakeup_fd)
    wsgi.serve(lane, app, servers=[("127.0.0.1", "80")], errors=sys.stderr, on_error=print)
    os._exit(0)


def serve(listener: int, control: int, said: int) -> None:
    """Be the master: *control* brings f (freeze), t (thaw) and q (quit), *said* takes what was obeyed."""
    dispatcher = Dispatcher(max_connections=ROOM, keep_alive=PATIENCE, silence=PATIENCE)
    dispatcher.listen(listener)
    seat = dispatcher.seat(dispatcher.lease())
    pid = os.fork()
    if pid == 0:
        work(seat)
    dispatcher.ready(seat.lane)
    dispatcher.watch(control)
    os.write(said, struct.pack("ii", os.getpid(), pid))
    word = b""
    while word != b"q":
        if control in dispatcher.wait(1.0):
            word = os.read(control, 1) or b"q"
            os.write(said, word)
            if word == b"f":
                word = os.read(control, 1) or b"q"
                os.write(said, word)
    until = time.monotonic() + 5.0
    while dispatcher.stats()["connections"] and time.monotonic() < until:
        dispatcher.wait(0.01)  # what its clients have closed
    os.kill(pid, signal.SIGTERM)
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        dispatcher.wait(0.01)


class Rig:
    """The two processes, for as long as the block lasts; *wrapper* is the command that runs them."""

    def __init__(self, wrapper: Sequence[str] = (), *, env: dict[str, str] | None = None) -> None:
        """Start them. RuntimeError with what they said, if they don't."""
        control, self._control = os.pipe()
        self._said, said = os.pipe()
        gate, self._gate = os.pipe()
        self._inside, inside = os.pipe()
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            listener.setblocking(False)
            self.port: int = listener.getsockname()[1]
            fds = (listener.fileno(), control, said, gate, inside)
            self._process = subprocess.Popen(
                [*wrapper, sys.executable, __file__, *map(str, fds)],
                pass_fds=fds,
                env=os.environ | (env or {}),
                stderr=subprocess.PIPE,
            )
        for fd in fds[1:]:
            os.close(fd)
        told = self._hear(8)
        if len(told) < 8:
            assert self._process.stderr
            why = self._process.stderr.read().decode(errors="replace").strip()
            self._process.wait()
            self._close()
            raise RuntimeError(why[-300:] or "it ended at once")
        self.master, self.worker = struct.unpack("ii", told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._process.poll() is None:
            os.write(self._control, b"q")
        if self._process.stderr:
            self._process.stderr.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._close()

    def connect(self, count: int) -> list[Connection]:
        """Return connections that had one answer each, all of them hot in the worker."""
        opened = []
        for _ in range(count):
            opened.append(Connection(self.port, timeout=PATIENCE))
            opened[-1].ask()
        return opened

    def say_on_new(self, count: int) -> list[Connection]:
        """Return new connections that have said their only request; the kernel has it all."""
        opened = [Connection(self.port, timeout=PATIENCE) for _ in range(count)]
        for connection in opened:
            connection.send(LAST_REQUEST)
        for connection in opened:
            _settle(connection)
        return opened

    def memory_bytes(self) -> int:
        """Return what both processes hold, without pages of files: whoever maps those changes their share."""
        return sum(
            tree.own_memory_bytes(pid, "Pss_Anon", "Pss_Shmem")
            for pid in (self.master, self.worker)
        )

    def freeze_hot(self, connections: Sequence[Connection]) -> None:
        """Freeze the master while the worker holds all *connections*."""
        for _ in range(100):
            self.freeze()
            for connection in connections:
                connection.send()
            until = time.monotonic() + 2.0
            cold = [one for one in connections if not _speaks(one, until - time.monotonic())]
            for connection in connections:
                if connection not in cold:
                    connection.receive()
            if not cold:
                return
            self.thaw()  # it took some back: let it deal them again
            for connection in cold:
                connection.receive()
        raise RuntimeError("the worker is too slow to keep its connections")

    def freeze(self) -> None:
        """Let the master do nothing until `thaw`."""
        self._tell(b"f")

    def thaw(self) -> None:
        """Let the master go on."""
        self._tell(b"t")

    def ask_at_once(self, gate: Connection, others: Sequence[Connection]) -> None:
        """Ask once on each of *others*: all that is said is there when the worker looks. Freeze before."""
        gate.send(b"GET /gate HTTP/1.1\r\nHost: bench\r\n\r\n")
        if self._hear(1, self._inside) != b".":
            raise RuntimeError("the worker did not reach the gate")
        for connection in others:
            connection.send()
        for connection in others:
            _settle(connection)
        os.write(self._gate, b"!")
        gate.receive()
        for connection in others:
            if connection.receive() != b"Hello, World!":
                raise RuntimeError("this was no hello")

    def _tell(self, word: bytes) -> None:
        os.write(self._control, word)
        if self._hear(1) != word:
            raise RuntimeError("the master does not obey")

    def _hear(self, size: int, fd: int | None = None) -> bytes:
        fd = self._said if fd is None else fd
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            raise TimeoutError("nothing was said")
        return os.read(fd, size)

    def _close(self) -> None:
        for fd in (self._control, self._said, self._gate, self._inside):
            os.close(fd)


def _speaks(connection: Connection, seconds: float) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _settle(connection: Connection) -> None:
    # What loopback has not delivered yet stands in the sender's queue.
    while fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0") != b"\0\0\0\0":
        time.sleep(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    _listener, _control, _said, _gate, _inside = map(int, sys.argv[1:])
    serve(_listener, _control, _said)

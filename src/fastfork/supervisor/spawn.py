"""Forking a worker, and what the master knows of it afterwards."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from fastfork._native import cells
from fastfork.errors import AppImportError, AppNotFound, FastforkError, StartError
from fastfork.supervisor import pidfds
from fastfork.supervisor.retirement import Term
from fastfork.supervisor.signals import hold_back, let_through
from fastfork.worker.main import READY, be_worker

if TYPE_CHECKING:
    from fastfork.worker.main import Job, Place

_ERRORS = {error.exit_code: error for error in (AppImportError, AppNotFound)}


class Worker:
    """A worker process, seen from the master."""

    def __init__(
        self, pid: int, *, lanes: tuple[int, ...], pidfd: int, verdict: int, said: bytes = b""
    ) -> None:
        self.pid = pid
        self.lanes = lanes
        self.pidfd: int = pidfd
        """Readable when the process has ended."""
        self.verdict: int = verdict
        """Readable when the process has said whether it can serve."""
        self.generation = 1
        self.ready_at: float | None = None
        self.term: Term = Term()
        self.is_timed_out = False
        """Whether it is ended because its application took too long."""
        self.is_killed: bool = False
        """Whether we have killed it."""
        self.deadline: float | None = None
        """When it is killed, if it has not ended by then; None: it may live."""
        self.said: bytes = said
        """What it has said of that so far."""

    @property
    def is_ready(self) -> bool:
        """Whether the worker has said that it can serve."""
        return self.said.startswith(READY)

    @property
    def interface(self) -> str:
        """What kind of handler a worker serves that is ready: a key of `fastfork.interface.CALLED`."""
        return self.said.removeprefix(READY).decode()

    def listen(self) -> bool:
        """Read what the worker says; return whether it has said everything."""
        try:
            while said := os.read(self.verdict, 65_536):
                self.said += said
        except BlockingIOError:
            return self.is_ready
        return True

    def refusal(self) -> FastforkError | None:
        """Return why the worker could not serve, if it said so."""
        return refusal_of(self.said)

    def memory(self) -> int:
        """Return the resident octets of the process, 0 when it has ended."""
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def bury(self) -> int:
        """Collect the exit status of the ended process and what it leaves behind; return the status."""
        _, status = os.waitpid(self.pid, 0)
        cells.give_back(self.lanes[0])
        os.close(self.pidfd)
        os.close(self.verdict)
        self.pidfd = self.verdict = -1
        return os.waitstatus_to_exitcode(status)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; a process that has ended doesn't mind, buried or not.

        Its number may be somebody else's when it is buried: the signal goes by its pidfd.
        """
        if self.pidfd >= 0:
            self.is_killed = self.is_killed or number == signal.SIGKILL
            pidfds.send_signal(self.pidfd, number)


def refusal_of(said: bytes) -> FastforkError | None:
    """Return why a process could not start, if that is what it *said*."""
    code, newline, text = said.decode("utf-8", "replace").partition("\n")
    if not newline or not code.isdecimal():
        return None
    return _ERRORS.get(int(code), StartError)(text)


class DiedAtStart(StartError):
    """A worker died before its verdict: something in the application's import killed it."""

    exit_code = 3


def chance() -> float:
    """Return a number from 0 to 1, for what must not happen everywhere in the same moment."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def spawn(job: Job, place: Place) -> Worker:
    """Fork a worker that loads the application for itself. Raises OSError."""
    verdict, said = os.pipe()
    os.set_blocking(verdict, False)
    mask = hold_back()
    try:
        pid = os.fork()
        if pid == 0:
            be_worker(job, place, verdict=said)
        lanes = tuple(seat.lane for seat in place.seats)
        return Worker(pid, lanes=lanes, pidfd=open_pidfd(pid), verdict=verdict)
    except OSError:
        os.close(verdict)
        raise
    finally:
        let_through(mask)
        for fd in (said, *place.pipes):
            os.close(fd)


def open_pidfd(pid: int) -> int:
    """Return a pidfd of a child; raise OSError, with the child gone, if there can be none."""
    try:
        return pidfds.of(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def children() -> set[int]:
    """Return the children of this process, as far as the kernel tells."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return set(map(int, listed.read().split()))
    except OSError:
        return set()


def reap_strangers(own: set[int]) -> None:
    """Collect the orphans that this process inherits; *own* children are left alone.

    They are what workers leave behind, and as process 1 also what its container does.
    """
    for pid in children() - own:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass  # a thread of somebody else's making has collected it

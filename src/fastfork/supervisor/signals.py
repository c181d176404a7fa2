"""Signals as intents of the operator, in the order they came.

The handlers do nothing: the interpreter writes each signal's number to a pipe that the dispatcher
watches, so a signal never interrupts the master between two statements, and two signals count as two. (Not
those of one kind that come before the kernel has delivered the first: they are one bit to it. What counts
exactly is `fastfork scale`.)
A pipe holds 65,536 of them (a socket some 300), so that a storm doesn't drown the one that matters.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self


class Intent(Enum):
    """What a signal asks of the master."""

    DRAIN = "drain"
    QUIT = "quit"
    REAP = "reap"
    REOPEN = "reopen"
    NOTHING = "nothing"
    RELOAD = "reload"
    MORE = "more"
    FEWER = "fewer"
    UPGRADE = "upgrade"


INTENTS: dict[int, Intent] = {
    signal.SIGTERM: Intent.DRAIN,
    signal.SIGINT: Intent.DRAIN,
    signal.SIGQUIT: Intent.QUIT,
    signal.SIGCHLD: Intent.REAP,
    signal.SIGWINCH: Intent.NOTHING,
    signal.SIGHUP: Intent.RELOAD,
    signal.SIGUSR1: Intent.REOPEN,
    signal.SIGUSR2: Intent.UPGRADE,
    signal.SIGTTIN: Intent.MORE,
    signal.SIGTTOU: Intent.FEWER,
}


@contextmanager
def handlers_restored() -> Iterator[None]:
    """Put the handlers of before back at the end, for a process that goes on after the server."""
    before = {number: signal.getsignal(number) for number in INTENTS}
    yield
    for number, handler in before.items():
        # None: it was not installed from Python, so Python can't put it back.
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


class SignalInbox:
    """Collects signals while it is entered; from then on they do nothing: the end is near already."""

    def __init__(self, fds: tuple[int, int] | None = None) -> None:
        """Take both ends of a pipe, with what came already, or make one."""
        self.fds: tuple[int, int] = fds or os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.fd: int
        self.fd, self._theirs = self.fds
        """Readable when a signal came."""
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        """Start collecting."""
        self._wakeup_before = signal.set_wakeup_fd(self._theirs, warn_on_full_buffer=False)
        for number in INTENTS:
            signal.signal(number, _ignore)
        let_through(set())  # the image before this one may have held them back
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop collecting."""
        # Handlers would go with the interpreter, and the process would end by the next signal.
        for number, intent in INTENTS.items():
            if intent is not Intent.REAP:
                signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.fd)
        os.close(self._theirs)

    def read(self) -> list[int]:
        """Return the signals that came since the last call, in order."""
        try:
            return list(os.read(self.fd, 65_536))
        except BlockingIOError:
            return []


def intent_of(number: int) -> Intent:
    """Return what *number* asks of the master."""
    return INTENTS.get(number, Intent.NOTHING)


def newest(numbers: list[int]) -> list[int]:
    """Return *numbers* without all SIGHUPs but the last: a reload leaves nothing to those before it."""
    before = (
        len(numbers) - 1 - numbers[::-1].index(signal.SIGHUP) if signal.SIGHUP in numbers else 0
    )
    return [n for at, n in enumerate(numbers) if n != signal.SIGHUP or at >= before]


def hold_back() -> set[int]:
    """Hold back every signal and return the mask that was in force, for `let_through`.

    Around a fork: a signal that reaches the worker before it has dropped the master's handlers would be
    written to the master's inbox, and Ctrl-C would count twice.
    """
    return {
        int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    }


def let_through(mask: set[int]) -> None:
    """Put *mask* back in force."""
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def name_of(number: int) -> str:
    """Return a name like SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _ignore(number: int, frame: object) -> None:
    pass

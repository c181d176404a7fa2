"""Signals as intents of the operator, in the order they came.

The handlers do nothing: the interpreter writes each signal's number to a socket that the dispatcher
watches, so a signal never interrupts the master between two statements, and two signals count as two.
"""

from __future__ import annotations

import signal
import socket
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Intent(Enum):
    """What a signal asks of the master."""

    DRAIN = "drain"
    QUIT = "quit"
    REAP = "reap"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


INTENTS: dict[int, Intent] = {
    signal.SIGTERM: Intent.DRAIN,
    signal.SIGINT: Intent.DRAIN,
    signal.SIGQUIT: Intent.QUIT,
    signal.SIGCHLD: Intent.REAP,
    signal.SIGWINCH: Intent.NOTHING,
    signal.SIGHUP: Intent.UNKNOWN,
    signal.SIGUSR1: Intent.UNKNOWN,
    signal.SIGUSR2: Intent.UNKNOWN,
    signal.SIGTTIN: Intent.UNKNOWN,
    signal.SIGTTOU: Intent.UNKNOWN,
}


class SignalInbox:
    """Collects signals while it is entered; what was installed before comes back at the end."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1

    @property
    def fd(self) -> int:
        """The descriptor that is readable when a signal came."""
        return self._ours.fileno()

    def __enter__(self) -> Self:
        """Start collecting."""
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        for number in INTENTS:
            self._before[number] = signal.signal(number, _ignore)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop collecting."""
        for number, handler in self._before.items():
            # None: it was not installed from Python, so Python can't put it back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._ours.close()
        self._theirs.close()

    def read(self) -> list[int]:
        """Return the signals that came since the last call, in order."""
        try:
            return list(self._ours.recv(4096))
        except BlockingIOError:
            return []


def intent_of(number: int) -> Intent:
    """Return what *number* asks of the master."""
    return INTENTS.get(number, Intent.NOTHING)


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

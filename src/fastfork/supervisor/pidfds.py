"""Descriptors of processes: unlike a number, such a one never comes to mean another process.

pidfd_open(2) and pidfd_send_signal(2), of Linux 5.3. Builds of Python against older headers, such as uv
installs, have neither function, though the kernel below them does: then the kernel is called directly.
"""

from __future__ import annotations

import errno
import os
import signal

from fastfork.errors import StartError

# Numbers of the calls, the same on every architecture that Python is built for.
_SEND_SIGNAL = 424
_OPEN = 434


def of(pid: int) -> int:
    """Return a new descriptor of process *pid*, closed at exec. Raises OSError."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return _call(_OPEN, pid, 0)


def send_signal(pidfd: int, number: int) -> None:
    """Send a signal to the process of *pidfd*. Raises OSError."""
    if hasattr(signal, "pidfd_send_signal"):
        signal.pidfd_send_signal(pidfd, number)
    else:
        _call(_SEND_SIGNAL, pidfd, number, 0, 0)


def check() -> None:
    """Raise StartError where processes have no descriptors: nothing here can do without."""
    try:
        os.close(of(os.getpid()))
    except OSError as error:
        raise StartError(refusal(error, release=os.uname().release)) from None


def refusal(error: OSError, *, release: str) -> str:
    """Return what to do about *error* of pidfd_open(2) on the kernel *release*."""
    if error.errno == errno.ENOSYS:
        return f"Linux {release} is too old: fastfork needs 5.3 or newer, for pidfd_open(2)"
    if error.errno == errno.EPERM:
        return (
            "pidfd_open(2) is forbidden here: fastfork needs it; allow it in the seccomp profile of the"
            " container, or update the container engine (Docker allows it since 20.10)"
        )
    return f"pidfd_open(2) failed: {error.strerror}"


def _call(number: int, *arguments: int) -> int:
    import ctypes  # a megabyte that most never need

    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result

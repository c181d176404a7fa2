"""What systemd gives and wants to hear: sockets (sd_listen_fds(3)) and news (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

SOCKETS = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Variables that say which sockets a process was started with."""

_FIRST_FD = 3


def take_sockets(environ: MutableMapping[str, str], *, pid: int) -> list[int]:
    """Return the listening sockets that *pid* was started with; the variables are removed: they are ours."""
    meant_for, count = environ.get("LISTEN_PID"), environ.get("LISTEN_FDS")
    if meant_for != str(pid) or not count or not count.isdecimal():
        return []
    for name in SOCKETS:
        environ.pop(name, None)
    return list(range(_FIRST_FD, _FIRST_FD + int(count)))


class Notifier:
    """Tells the service manager how the server is, if there is one; never waits for it and never fails."""

    def __init__(self, environ: MutableMapping[str, str], *, pid: int) -> None:
        """Take what *environ* says, and remove it: what the application starts has nothing to tell."""
        self._serving = ""
        """The status while it is ready, and does not stop yet."""
        self._reloads = 0
        address = environ.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._address = "\0" + address[1:] if address.startswith("@") else address
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        within = environ.pop("WATCHDOG_USEC", "")
        is_meant = environ.pop("WATCHDOG_PID", str(pid)) == str(pid)
        is_watched = (
            self._socket is not None and is_meant and within.isdecimal() and int(within) > 0
        )
        # Twice in the time that is given, as the manual advises.
        self._every = int(within) / 2e6 if is_watched else 0.0
        self._next = time.monotonic() if is_watched else None

    def ready(self, status: str) -> None:
        """All workers serve."""
        self._serving = status
        self._send("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def reloading(self) -> None:
        """The application is being loaded anew; as many `reloaded` end that."""
        self._reloads += 1
        if self._serving:
            self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """A reload has ended, whether or not it was one."""
        self._reloads -= 1
        if self._serving and not self._reloads:
            self.ready(self._serving)

    def stopping(self, status: str) -> None:
        """The server stops."""
        self._serving = ""
        self._send("STOPPING=1", f"STATUS={status}")

    def next_look(self) -> float | None:
        """Return when the watchdog wants to hear of us, if there is one."""
        return self._next

    def look(self) -> None:
        """Tell the watchdog that the loop goes round."""
        if self._next is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._send("WATCHDOG=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            pass  # nobody listens, or too slowly: we wait for nobody

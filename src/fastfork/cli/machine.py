"""The facts that `fastfork doctor` judges: what this machine is and allows now."""

from __future__ import annotations

import errno
import os
import socket
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fastfork.cli.checks import EXTRAS
from fastfork.supervisor.binds import FdBind, TcpBind, UnixBind
from fastfork.supervisor.listeners import bound, explain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork.supervisor.binds import Bind

_LISTEN = "0A"
"""The state of a socket in /proc/net/tcp."""
_QUEUES = ("net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog")


def missing_extras() -> list[str]:
    """Return the optional packages that are not installed."""
    return [name for name in EXTRAS if find_spec(name) is None]


def queues() -> dict[str, int]:
    """Return the kernel's limits for what waits to be accepted, by the names of sysctl."""
    texts = {name: read(f"/proc/sys/{name.replace('.', '/')}") for name in _QUEUES}
    return {name: int(text) for name, text in texts.items() if text.strip().isdecimal()}


def cgroup_limit(file: str) -> int | None:
    """Return the lowest number that *file* has in this process's cgroup (v2) and those above it."""
    own = next(
        (line[3:] for line in read("/proc/self/cgroup").splitlines() if line[:3] == "0::"), "/"
    )
    folder = Path("/sys/fs/cgroup", own.strip("/"))
    found = []
    for one in (folder, *folder.parents):
        if not one.is_relative_to("/sys/fs/cgroup"):
            break
        if (text := read(str(one / file)).strip()).isdecimal():
            found.append(int(text))
    return min(found, default=None)


def why_not(bind: Bind) -> str | None:
    """Return why nobody can listen on *bind* now, None if somebody could; nothing is left behind."""
    try:
        if isinstance(bind, TcpBind):
            with bound(bind):
                pass
        elif isinstance(bind, UnixBind):
            _try_unix(bind)
        elif isinstance(bind, FdBind):
            os.fstat(bind.fd)
    except OSError as error:
        return explain(bind, error)
    return None


def _try_unix(bind: UnixBind) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        if not sock.connect_ex(bind.address):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if not bind.is_file:
        return
    path = Path(bind.path)
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        code = errno.EACCES if path.parent.exists() else errno.ENOENT
        raise OSError(code, os.strerror(code))


def owners(port: int) -> list[str]:
    """Return the processes that listen on a TCP port, as far as this user may see: "nginx (pid 4)"."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return [
        f"{read(f'/proc/{pid}/comm').strip()} (pid {pid})"
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
        if sockets and not sockets.isdisjoint(_open_in(pid))
    ]


def _listening(port: int) -> Iterable[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                yield words[9]


def _open_in(pid: int) -> Iterable[str]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return  # somebody else's, or it has just ended
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue


def read(path: str) -> str:
    """Return the text of a file, "" if it can't be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""

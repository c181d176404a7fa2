"""The listening sockets: opened by the master, never seen by a worker."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from fastfork.errors import BindError
from fastfork.supervisor.binds import Bind, FdBind, TcpBind, UnixBind, has_ipv4_beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNSENT = 1024 * 1024
"""Octets that a client can't take yet and that the kernel keeps: by itself it would keep 2.7 MiB for each
slow reader, and a thousand of them would be more than it has for all of TCP. With less than this an answer
of 1 MiB goes out in pieces, at 1.4 times the cost."""


class Listener(msgspec.Struct):
    """A listening socket as a bare descriptor: no destructor may close a number that was reused."""

    fd: int
    url: str
    """Where clients find it, with the real port."""
    server: tuple[str, str]
    """SERVER_NAME and SERVER_PORT."""
    path: str | None = None
    inode: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the socket, and remove its file if it is still ours."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.path is not None and _inode(self.path) == self.inode:
            os.unlink(self.path)
        self.path = None


def open_listeners(binds: Sequence[Bind], *, backlog: int, umask: int = 0) -> list[Listener]:
    """Return a listener for each of *binds*, or raise BindError with none of them open.

    *umask* is for unix sockets: a proxy under another user must be able to connect.
    """
    listeners: list[Listener] = []
    try:
        for bind in binds:
            listeners.append(_open(bind, binds, backlog=backlog, umask=umask))  # noqa: PERF401 - the except needs them
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _open(bind: Bind, binds: Sequence[Bind], *, backlog: int, umask: int) -> Listener:
    try:
        if isinstance(bind, UnixBind):
            return _open_unix(bind, backlog=backlog, umask=umask)
        if isinstance(bind, FdBind):
            return _adopt(bind, backlog=backlog)
        with bound(bind, is_v6_only=has_ipv4_beside(bind, binds)) as sock:
            return _listen(sock, backlog=backlog)
    except OSError as error:
        raise BindError(explain(bind, error)) from None


@contextmanager
def bound(bind: TcpBind, *, is_v6_only: bool = False) -> Iterator[socket.socket]:
    """Give a socket that has the address, and takes no client from anybody. Raises OSError.

    [::] is for IPv4, too, unless *is_v6_only*, whatever the system's net.ipv6.bindv6only says.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as sock:
        # Not SO_REUSEPORT: closing one of two listeners would lose half of the queue.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, is_v6_only)
        sock.bind(address)
        yield sock


def _open_unix(bind: UnixBind, *, backlog: int, umask: int) -> Listener:
    if bind.is_file:
        _remove_stale(bind.path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        before = os.umask(umask)
        try:
            sock.bind(bind.address)
        finally:
            os.umask(before)
        listener = _listen(sock, backlog=backlog)
    if bind.is_file:
        listener.path = os.path.abspath(bind.path)
        listener.inode = _inode(listener.path)
    return listener


def _adopt(bind: FdBind, *, backlog: int) -> Listener:
    fd = os.dup(bind.fd)
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        os.close(fd)
        raise
    with sock:
        if sock.type != socket.SOCK_STREAM:
            raise OSError(errno.EPROTOTYPE, os.strerror(errno.EPROTOTYPE))
        return _listen(sock, backlog=backlog)


def _listen(sock: socket.socket, *, backlog: int) -> Listener:
    if sock.family != socket.AF_UNIX:
        # Accepted sockets inherit these, so no connection pays a system call for them.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    wait_for_data(sock.fileno(), True)
    sock.listen(backlog)
    sock.setblocking(False)
    url, server = _describe(sock)
    return Listener(fd=sock.detach(), url=url, server=server)


def wait_for_data(fd: int, does_wait: bool) -> None:
    """Let TCP connections come up when their client has spoken, as HTTP's does at once; or else before."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, int(does_wait))


def _describe(sock: socket.socket) -> tuple[str, tuple[str, str]]:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        shown = "@" + name[1:].decode() if isinstance(name, bytes) else name
        return f"unix:{shown}", ("localhost", "80")
    host, port = name[0], name[1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}", (host, str(port))


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(path)
    if answer != errno.ECONNREFUSED:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    os.unlink(path)


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def explain(bind: Bind, error: OSError) -> str:
    """Return why nobody can listen on *bind*, and what to do, from the *error* of trying."""
    said = f"can't listen on {bind}"
    if isinstance(error, socket.gaierror):
        return f"{said}: there is no such host; check the name, or listen on 127.0.0.1 or 0.0.0.0"
    if error.errno == errno.EADDRINUSE and isinstance(bind, TcpBind):
        return f"{said}: the port is in use; take another one, or find its owner with: ss -ltnp"
    if error.errno == errno.EADDRINUSE:
        return f"{said}: a server is listening there; stop it, or take another path"
    if error.errno in (errno.EACCES, errno.EPERM) and isinstance(bind, TcpBind):
        return f"{said}: no permission; take a port above 1023, or give the process CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{said}: no interface of this machine has that address; see: ip address"
    if error.errno == errno.EEXIST:
        return f"{said}: the file exists and is not a socket; remove it, or take another path"
    if isinstance(bind, FdBind):
        return f"{said}: {error.strerror}; it must be an inherited stream socket"
    return f"{said}: {error.strerror}; check the directory and its permissions"

"""Whether workers may be forked from a process that has imported an application.

A fork copies one thread: the locks that others held stay locked, and their work is not done. A connection
would be used by all workers at once, and so would the epoll descriptor of an event loop.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Pool(NamedTuple):
    """A library whose threads may be there: it ends them before a fork and starts them anew behind it."""

    library: str
    """A part of its file's name."""
    counts: tuple[str, ...]
    """The functions that say how many it has, the calling thread included; the first one there is asked."""


POOLS = (
    Pool(
        "openblas",
        (
            "scipy_openblas_get_num_threads64_",
            "scipy_openblas_get_num_threads",
            "openblas_get_num_threads64_",
            "openblas_get_num_threads",
        ),
    ),
    Pool("libiomp5", ("omp_get_max_threads",)),  # Intel's OpenMP, below MKL
    Pool("libomp", ("omp_get_max_threads",)),  # LLVM's; not GNU's libgomp, which hangs after a fork
)


def obstacle(
    *, threads: int, named: Sequence[str], pooled: int, peers: Sequence[str], loops: int
) -> str | None:
    """Return what forbids to fork, in words that follow "its import left"; None if nothing does. Pure.

    *threads* are all of the process, *named* those that Python knows beside its main thread, *pooled* those
    that may be there, *peers* the other ends of connections, *loops* event loops.
    """
    left = []
    others = threads - 1 - len(named)  # some of no pool that we know
    unknown = max(0, others - pooled)
    if count := len(named) + unknown:
        shown = [*named, *([f"{unknown} of a library"] if unknown else [])]
        left.append(f"{count} thread{'s' if count > 1 else ''} ({', '.join(shown)})")
    left += [f"a connection to {peer}" for peer in peers]
    if loops:
        left.append(f"{loops} event loop{'s' if loops > 1 else ''}")
    return " and ".join(left) or None


def open_descriptors() -> set[int]:
    """Return the descriptors of this process."""
    # The listing has one of its own, whose number the next one to be opened gets.
    return {fd for fd in map(int, os.listdir("/proc/self/fd")) if _is_open(fd)}


def obstacle_here(before: set[int]) -> str | None:
    """Return what forbids to fork this process, that had the descriptors *before* its import."""
    threads = len(os.listdir("/proc/self/task"))
    named = _named_threads()
    peers, loops = _connections(sorted(open_descriptors() - before))
    pooled = _pooled_threads() if threads > 1 + len(named) else 0
    return obstacle(threads=threads, named=named, pooled=pooled, peers=peers, loops=loops)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _named_threads() -> list[str]:
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    main = threading.main_thread()
    return [one.name for one in threading.enumerate() if one is not main and one.ident]


def _pooled_threads() -> int:
    import ctypes

    with open("/proc/self/maps") as maps:
        mapped = {line.split(maxsplit=5)[5].strip() for line in maps if line.count("/")}
    return sum(
        _threads_of(ctypes.CDLL(path), pool)
        for path in sorted(mapped)
        for pool in POOLS
        if pool.library in os.path.basename(path) and ".so" in path
    )


def _threads_of(library: object, pool: Pool) -> int:
    for name in pool.counts:
        if (count := getattr(library, name, None)) is not None:
            return max(0, int(count()) - 1)
    return 0


def _connections(fds: Iterable[int]) -> tuple[list[str], int]:
    peers, loops = [], 0
    for fd in fds:
        try:
            if os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:[eventpoll]":
                loops += 1
            elif stat.S_ISSOCK(os.fstat(fd).st_mode) and (peer := _peer(fd)):
                peers.append(peer)
        except OSError:
            pass  # closed already, or not connected
    return peers, loops


def _peer(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.type != socket.SOCK_STREAM:
            return ""  # datagrams of one sender or many are the same
        peer = sock.getpeername()
    if sock.family in {socket.AF_INET, socket.AF_INET6}:
        return f"{peer[0]}:{peer[1]}"
    return peer if isinstance(peer, str) else ""  # "": a pair that the process made for itself

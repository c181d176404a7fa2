"""Workers as a library: what a Node developer writes with `cluster.fork()`, for any program.

    from fastfork import cluster

    if cluster.is_primary:
        for _ in range(4):
            cluster.fork()

        @cluster.on("exit")
        def again(worker, code, signal):
            cluster.fork()

        cluster.run()                              # until no worker is left, or a signal ends it
    else:
        cluster.serve(app, "127.0.0.1:8000")       # or anything else

A worker is forked, not started: it has what the primary had imported, and runs the program from its
beginning.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastfork import bus
from fastfork.cluster.child import Here
from fastfork.cluster.options import RR, Options
from fastfork.cluster.primary import Primary
from fastfork.cluster.wire import MESSAGE, NOTE
from fastfork.cluster.workers import Address, Process, Worker
from fastfork.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastfork.cluster.events import Listen

__all__ = [
    "Address",
    "Here",
    "Options",
    "Process",
    "Worker",
    "disconnect",
    "fork",
    "is_primary",
    "is_worker",
    "keep",
    "off",
    "on",
    "once",
    "run",
    "scheduling_policy",
    "serve",
    "settings",
    "setup_primary",
    "turn",
    "worker",
    "workers",
]

is_primary: bool = True
"""Whether this process is the one that forks; false in workers."""

is_worker: bool = False
"""The opposite."""

worker: Here | None = None
"""This worker; None in the primary."""

scheduling_policy: str = os.environ.get("FASTFORK_SCHED_POLICY") or RR
"""Who gets the next connection, from the first fork on: "round-robin", "least-loaded" or "ip-hash"."""


def _enter(here: Here) -> None:
    global is_primary, is_worker, worker
    is_primary, is_worker, worker = False, True, here
    bus.subscribe(MESSAGE)(lambda topic, message, sender: here.hear(message))
    bus.subscribe(NOTE)(lambda topic, word, sender: here.note(word))
    workers.clear()


_primary = Primary(enter=_enter)

workers: dict[int, Worker] = _primary.workers
"""The workers that have not ended, by id; empty in a worker."""

settings: Options = _primary.options
"""What `setup_primary` has said so far."""

on: Listen = _primary.on
once: Listen = _primary.once
off: Callable[[str, Callable[..., Any]], None] = _primary.off


def setup_primary(**more: Any) -> None:
    """Change what workers are forked with from now on; what is not named stays.

    *exec* (a function or a path), *args* and *cwd* are of the program; all else are settings of
    `fastfork serve`, with underscores (`threads=4`). Raises ConfigError.
    """
    global settings
    _primary.setup(more)
    settings = _primary.options


def fork(env: Mapping[str, str] | None = None) -> Worker:
    """Fork a worker, with *env* in its environment; return it at once. Raises FastforkError, OSError."""
    return _primary.fork(env, dispatch=scheduling_policy)


def keep(count: int) -> None:
    """Fork *count* workers, and another one for each of them that ends without being told to.

    The next one comes at once, then after 0.1 s, doubling to 15 s until one has lived for 30 s.
    """
    _primary.keep(count, dispatch=scheduling_policy)


def disconnect(
    callback: Callable[[], object] | None = None, *, timeout: float | None = None
) -> None:
    """Listen no more, let all workers finish and end; call *callback* when the last one is gone.

    After *timeout* seconds who is left gets SIGTERM, and SIGKILL a second later.
    """
    _primary.disconnect(callback, timeout)


def run() -> None:
    """In the primary: accept, deal and tell what happens, until no worker is left.

    SIGTERM or Ctrl-C disconnects all of them (within --graceful-timeout), the second one kills them. In a
    worker: wait for messages until it is disconnected.
    """
    if worker is not None:
        worker.run()
    else:
        _primary.run()


def turn(timeout: float | None = None) -> bool:
    """In the primary: one round of `run`, *timeout* seconds at most, for programs with a loop of their own.

    Return whether there is more to come. Signals are the program's own business.
    """
    return _primary.turn(timeout)


def serve(handler: Any, *binds: str, backlog: int | None = None) -> None:
    """In a worker: serve *handler* on *binds* ("host:port", "unix:PATH"), until it is disconnected.

    The primary listens, once for all its workers, which name the same addresses. Raises BindError, AppError.
    """
    if worker is None:
        raise StartError("serve() is for workers: the primary calls fork() and run()")
    worker.serve(handler, binds or ("127.0.0.1:8000",), backlog=backlog)

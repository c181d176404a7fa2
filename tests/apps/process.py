"""An application whose worker can be looked at, stopped and broken."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from fastfork import worker_slot

Query = dict[str, str]


def who(query: Query) -> str:
    """Say which worker answers."""
    return f"{worker_slot()} {os.getpid()}"


def gate(query: Query) -> str:
    """Be inside the application until the gate (a FIFO) is opened."""
    with open(query["path"], "rb") as fifo:
        fifo.read()
    return who(query)


def spin(query: Query) -> str:
    """Never return, and never wait for anything."""
    with open(query["path"], "rb"):
        while True:
            pass


def hold(query: Query) -> str:
    """Never return, and let nothing else of this process run: the GIL is held."""
    with open(query["path"], "rb"):
        return str(all(itertools.repeat(True)))


def die(query: Query) -> str:
    """End by a signal, while a request runs."""
    os.kill(os.getpid(), int(query["signal"]))
    return "survived"


def leave(query: Query) -> str:
    """End the process in the middle of a request."""
    os._exit(int(query["code"]))


def fds(query: Query) -> str:
    """Say what this worker has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
        except OSError:  # it was the listing itself
            continue
    return "\n".join(found)


def signals(query: Query) -> str:
    """Say which signals this worker ignores, and which are blocked."""
    ignored = [s for s in signal.valid_signals() if signal.getsignal(s) == signal.SIG_IGN]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return f"ignored {sorted(map(int, ignored))}\nblocked {sorted(map(int, blocked))}"


def orphan(query: Query) -> str:
    """Leave grandchildren behind that end at once, as a careless script does."""
    for _ in range(int(query["count"])):
        pid = os.fork()
        if pid == 0:
            os.fork()
            os._exit(0)
        os.waitpid(pid, 0)
    return "done"


def dependants(query: Query) -> str:
    """Leave children behind that end when this worker does."""
    theirs, ours = os.pipe()
    for _ in range(int(query["count"])):
        if os.fork() == 0:
            os.close(ours)
            os.read(theirs, 1)
            os._exit(0)
    return "done"


def lasting_child(query: Query) -> str:
    """Leave a child behind that lives until the gate is opened."""
    pid = os.fork()
    if pid == 0:
        with open(query["path"], "rb") as fifo:
            fifo.read()
        os._exit(0)
    return str(pid)


def child_that_returns(query: Query) -> str:
    """Fork, and let both processes return from the application."""
    pid = os.fork()
    return f"parent {os.getpid()}" if pid else f"child {os.getpid()}"


def child_that_exits(query: Query) -> str:
    """Fork, and let the child end as a script does."""
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    os.waitpid(pid, 0)
    return who(query)


def close_fds(query: Query) -> str:
    """Close descriptors that belong to the server."""
    os.closerange(3, 4096)
    return "closed"


ROUTES: dict[str, Callable[[Query], str]] = {
    f"/{route.__name__}": route
    for route in (
        gate,
        spin,
        hold,
        die,
        leave,
        fds,
        signals,
        orphan,
        dependants,
        lasting_child,
        child_that_returns,
        child_that_exits,
        close_fds,
    )
}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Do what the path says."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    body = ROUTES.get(environ["PATH_INFO"], who)(query).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

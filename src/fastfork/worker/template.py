"""The life of a template: drop what is the master's, load the application once, then fork workers from it.

A worker must be the master's child, so that its end is told there: the template forks a process that forks
the worker and ends, and the master takes in what loses its parent (PR_SET_CHILD_SUBREAPER). It serves when
the master, by then its parent, has said so.

On the line to the master each message is one packet. First comes the template's verdict; from then on it
answers each `Errand` with the worker's pid, or with a negative errno.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import warnings
from typing import TYPE_CHECKING, NoReturn

import msgspec

from fastfork._native import cells
from fastfork._native.lane import name_process
from fastfork.errors import FastforkError
from fastfork.slot import take_template
from fastfork.worker.fitness import obstacle_here, open_descriptors
from fastfork.worker.main import (
    READY,
    Job,
    Place,
    be_worker,
    drop_masters,
    in_full,
    load_handler,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastfork._native.dispatcher import Seat
    from fastfork.interface import Handler

_PACKET_ROOM = 60_000
_FDS_MAX = 253
"""That the kernel takes in one packet."""

GO = b"g"
"""What the master says to a worker that it has taken in."""


class Errand(msgspec.Struct, frozen=True):
    """One worker to be forked. Beside it come descriptors: verdict, go, pipes of the bus, channels."""

    slot: int
    workers: int
    lanes: tuple[int, ...]


def be_template(job: Job, seat: Seat, line: socket.socket, *, workers: int) -> NoReturn:
    """Load the application of *job*, then fork workers as the other end of *line* says, until it is closed.

    *seat* is one of any lane: from it those of others are made.
    """
    status = 1
    try:
        drop_masters(job, keep={line.fileno(), seat.fds[1]})
        # Sent to all of the group; the master ends us.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        take_template(workers=workers)
        cells.take_template()
        name_process("ff-template")
        before = open_descriptors()
        handler = load_handler(job)
        why = obstacle_here(before)
        # Nothing that was imported is ever collected: that would write to, and so copy, every shared page.
        gc.collect()
        gc.freeze()
        line.send(READY if why is None else READY + b"\n" + why.encode("utf-8", "backslashreplace"))
        _serve(job, seat, line, handler)
        status = 0
    except FastforkError as error:
        line.send(refusal(error))
        status = error.exit_code
    except BrokenPipeError:
        status = 0  # the master is gone
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:
        job.logs.error.error(in_full("the template failed", error))
    finally:
        os._exit(status)


def _serve(job: Job, seat: Seat, line: socket.socket, handler: Handler) -> None:
    while True:
        said, fds, _, _ = socket.recv_fds(line, _PACKET_ROOM, _FDS_MAX)
        if not said:
            return
        answer = _bear(job, seat, line, handler, msgspec.msgpack.decode(said, type=Errand), fds)
        for fd in fds:
            os.close(fd)
        line.send(b"%d" % answer)


def _bear(
    job: Job,
    seat: Seat,
    line: socket.socket,
    handler: Handler,
    errand: Errand,
    fds: Sequence[int],
) -> int:
    """Return the pid of a new worker, whose parent is the master by now, or a negative errno."""
    heard, said = os.pipe()
    try:
        between = _fork()
        if between == 0:
            try:
                worker = _fork()
                if worker == 0:
                    _begin(job, seat, handler, errand, fds, close=(line.fileno(), heard, said))
                os.write(said, b"%d" % worker)
            except OSError as error:
                os.write(said, b"%d" % -(error.errno or 1))
            finally:
                os._exit(0)
        os.waitpid(between, 0)
        return int(os.read(heard, 32))
    except OSError as error:
        return -(error.errno or 1)
    finally:
        os.close(heard)
        os.close(said)


def _fork() -> int:
    with warnings.catch_warnings():
        # Newer Pythons warn of any thread; what threads there are, `obstacle_here` has looked at.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _begin(
    job: Job,
    seat: Seat,
    handler: Handler,
    errand: Errand,
    fds: Sequence[int],
    *,
    close: Sequence[int],
) -> NoReturn:
    verdict, go, *rest = fds
    pipes, channels = rest[: -len(errand.lanes)], rest[-len(errand.lanes) :]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for fd in close:
        os.close(fd)
    if os.read(go, 1) != GO:
        os._exit(0)  # the master knows nothing of us
    os.close(go)
    place = Place(
        slot=errand.slot,
        workers=errand.workers,
        seats=tuple(
            seat.moved(lane, channel=channel)
            for lane, channel in zip(errand.lanes, channels, strict=True)
        ),
        pipes=tuple(pipes),
    )
    be_worker(job, place, verdict=verdict, handler=handler)

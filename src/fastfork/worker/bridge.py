"""The life of the bridge's process: like a worker it drops what is the master's, but it loads nothing."""

from __future__ import annotations

import atexit
import os
import signal
from typing import TYPE_CHECKING, NoReturn

import msgspec

from fastfork.log import escape, without_password
from fastfork.worker.descriptors import close_all_but

if TYPE_CHECKING:
    from fastfork.settings import Settings
    from fastfork.worker.identity import Identity
    from fastfork.worker.logs import Logs

# These are the master's to answer; the bridge ends when the hub closes its pipes.
_MASTERS_SIGNALS = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGUSR2,
)


class BridgeJob(msgspec.Struct, frozen=True):
    """What the master tells the bridge; it crosses the fork as it is."""

    pipes: tuple[int, ...]
    sight: int
    """Where it tells how things are."""
    is_late: bool
    """Whether there was one before."""
    settings: Settings
    identity: Identity
    logs: Logs


def be_bridge(job: BridgeJob) -> NoReturn:
    """Carry messages between the hub and the broker until the master is gone, then end the process."""
    status = 1
    log = job.logs.error
    try:
        _drop_masters(job)
        job.identity.take()
        import asyncio

        from fastfork.bus.crossing import Crossing

        shown = escape(without_password(job.settings.bus))

        async def cross() -> None:
            await Crossing(
                job.pipes,
                url=job.settings.bus,
                channel=job.settings.bus_channel or job.settings.app,
                limit=job.settings.bus_queue,
                sight=job.sight,
                is_late=job.is_late,
                tell=lambda told: log.write("warning", f"bus: {shown}: {escape(told)}"),
            ).run()

        asyncio.run(cross())
        status = 0
    except BaseException:
        from traceback import format_exc

        told = f"the bridge of the bus failed\n{format_exc().rstrip()}"
        log.error(told)
    finally:
        os._exit(status)


def _drop_masters(job: BridgeJob) -> None:
    close_all_but({0, 1, 2, job.sight, *job.pipes} | job.logs.fds)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for number in _MASTERS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda number, frame: job.logs.reopen())
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    atexit._clear()

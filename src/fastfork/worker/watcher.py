"""The life of the watcher (`--reload`): a process of its own, as what watches files has threads."""

from __future__ import annotations

import atexit
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from fastfork._native.lane import name_process
from fastfork.worker.descriptors import close_all_but

if TYPE_CHECKING:
    from fastfork.worker.logs import Logs

_GLANCE_MS = 500
"""How often it looks whether the master is still there."""


def be_watcher(folder: str, news: int, *, logs: Logs) -> NoReturn:
    """Write a line to *news* for each time that files below *folder* changed: their names."""
    status = 1
    master = os.getppid()
    try:
        _drop_masters({news} | logs.fds)
        from watchfiles import PythonFilter, watch

        changes = watch(
            folder,
            watch_filter=PythonFilter(extra_extensions=(".env", ".toml")),
            rust_timeout=_GLANCE_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        is_told = False
        for change in changes:
            if os.getppid() != master:
                break
            if not is_told:  # the first look is done, so the next change will be seen
                logs.error.info(f"--reload: watching {folder}; this is for development")
                is_told = True
            if change:
                names = sorted({os.path.relpath(path, folder) for _, path in change})
                os.write(news, f"{', '.join(names[:3])}{' ...' * (len(names) > 3)}\n".encode())
        status = 0
    except BaseException as error:
        logs.error.error(f"--reload: watching {folder} failed: {error!r}")
    finally:
        os._exit(status)


def _drop_masters(keep: set[int]) -> None:
    close_all_but({0, 1, 2} | keep)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    atexit._clear()
    name_process("ff-watcher")

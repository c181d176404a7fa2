"""Becoming a server: what the command line and `fastfork.run` both end in."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from fastfork import app as application
from fastfork.config.sources import resolve
from fastfork.config.surroundings import Start
from fastfork.errors import FastforkError, StartError
from fastfork.slot import is_inside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork.config.legacy import LegacyHooks
    from fastfork.interface import Handler
    from fastfork.settings import Settings
    from fastfork.supervisor.upgrade import Image


def run(app: str | Callable[..., Any], /, **settings: Any) -> None:
    """Serve *app* ("module:attribute", or the application itself) until a signal stops the server.

    The settings are those of `fastfork serve`, with underscores: `run("shop:app", workers=4, bind=":8000")`.
    The calling process becomes the master. Raises FastforkError if it can't start.
    """
    if is_inside():
        raise StartError(
            "fastfork.run was called in a worker, while it imports the application;"
            " put the call under: if __name__ == '__main__'"
        )
    name = app if isinstance(app, str) else getattr(app, "__qualname__", type(app).__name__)
    resolved = resolve({**settings, "app": name}, os.environ)
    load = None
    if not isinstance(app, str):
        load = partial(application.check, app, name=name, interface=resolved.interface)
        load()
    from fastfork.supervisor.signals import handlers_restored

    with handlers_restored():
        serve(resolved, load=load, keep_fds=_open_fds())


def serve(
    settings: Settings,
    *,
    load: Callable[[], Handler] | None = None,
    keep_fds: frozenset[int] = frozenset(),
    notes: Sequence[str] = (),
    read: Callable[[], Settings] | None = None,
    legacy: LegacyHooks | None = None,
    image: Image | None = None,
) -> None:
    """Serve what *settings* say, or what *load* returns in each worker, until a signal stops the server.

    *keep_fds* are descriptors that workers keep, *notes* are for the log, *read* gives the settings
    again at a reload, *legacy* are hooks of a gunicorn.conf.py, *image* is how this process can be started
    again (None: it can't be upgraded). Raises FastforkError if it can't start.
    """
    refuse_threads()
    start = Start()
    start.enter(settings)
    from fastfork.supervisor import pidfds
    from fastfork.worker.logs import Logs

    pidfds.check()
    logs = Logs(settings)
    for note in notes:
        logs.error.info(note)
    try:
        from fastfork.supervisor.cores import count_usable_cores
        from fastfork.supervisor.limits import check_lanes
        from fastfork.supervisor.loop import Master

        workers = settings.workers if isinstance(settings.workers, int) else count_usable_cores()
        check_lanes(workers=workers, threads=settings.threads)
        Master(
            settings,
            load=load,
            start=start,
            read=read,
            workers=workers,
            logs=logs,
            keep_fds=keep_fds,
            legacy=legacy,
            image=image,
        ).run()
    except FastforkError as error:
        if logs.error.file.path is not None:
            logs.error.error(str(error))
        raise
    finally:
        logs.close()


def refuse_threads() -> None:
    """Raise StartError if this process has other threads: it is going to fork."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise StartError(
            f"this process has {threads} threads, and a fork copies only one of them: its locks may stay"
            " locked for ever in the workers; start the server before any thread, or use: fastfork serve"
        )


def _open_fds() -> frozenset[int]:
    # The caller's files may be in use by the application: a logging handler, a database.
    return frozenset(map(int, os.listdir("/proc/self/fd")))

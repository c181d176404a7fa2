"""WSGI (PEP 3333) on a lane."""

from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from fastfork._native.lane import Lane
from fastfork._native.logs import AccessLines

def serve(
    lane: Lane,
    app: Callable[..., Iterable[bytes]],
    *,
    servers: Sequence[tuple[str, str]],
    errors: TextIO,
    on_error: Callable[[str, BaseException | None], None],
    access_log: AccessLines | None = None,
    root_path: str = "",
    multiprocess: bool = True,
    multithread: bool = False,
) -> None:
    """Run requests of *lane* through *app* until the lane is drained or its master is gone.

    *servers*: (SERVER_NAME, SERVER_PORT) of each listener, by its number. *errors* becomes wsgi.errors,
    *root_path* SCRIPT_NAME: a path that begins with it is split there, another is PATH_INFO as it is.
    `environ["fastfork.no_replay"]()`, called while a request runs, forbids that it is run again after the
    death of this process.
    *on_error(what, exception)* hears of every mistake of the application, with the request line in *what*
    and the exception (or None for a protocol mistake); it must not raise. Exceptions that signal handlers
    raise (SystemExit, KeyboardInterrupt outside the application) propagate.
    """

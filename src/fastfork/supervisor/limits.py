"""Open files, the scarce resource of a master that keeps every connection."""

from __future__ import annotations

import resource

from fastfork.errors import StartError

_RESERVE = 256
"""Descriptors for all that is not a connection: listeners, channels, pidfds, logs."""
_LEAST = 64
_DEFAULT = 65_536


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connection_limit(asked: int | None, *, open_files: int) -> int:
    """Return how many connections to hold at once; raise StartError if *open_files* are too few."""
    room = open_files - _RESERVE if open_files != resource.RLIM_INFINITY else _DEFAULT
    if asked is None and room >= _LEAST:
        return min(room, _DEFAULT)
    if asked is not None and (asked <= room or open_files == resource.RLIM_INFINITY):
        return asked
    needed = (asked or _LEAST) + _RESERVE
    raise StartError(
        f"the hard limit of open files is {open_files}, but {asked or _LEAST} connections need {needed};"
        f" raise it (ulimit -Hn {needed}, LimitNOFILE= in systemd) or lower --max-connections"
    )

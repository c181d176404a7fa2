"""What a master can hold: open files, and lanes."""

from __future__ import annotations

import resource

from fastfork.errors import ConfigError, StartError

_RESERVE = 256
"""Descriptors for all that is not a connection or a lane: listeners, pidfds, logs."""
_FOR_LANE = 6
_LANES = 512
_LEAST = 64
_DEFAULT = 65_536


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def check_lanes(*, workers: int, threads: int) -> None:
    """Raise ConfigError if there are more threads in all than the master can deal to.

    One worker more counts: it takes over from one that retires.
    """
    if (workers + 1) * threads > _LANES:
        raise ConfigError(
            f"{workers} workers with {threads} thread{'s' if threads > 1 else ''} each are too many:"
            f" all workers and one that takes over may have {_LANES} threads in all"
        )


def connection_limit(asked: int | None, *, open_files: int, lanes: int) -> int:
    """Return how many connections to hold at once; raise StartError if *open_files* are too few."""
    reserve = _RESERVE + _FOR_LANE * lanes
    room = open_files - reserve if open_files != resource.RLIM_INFINITY else _DEFAULT
    if asked is None and room >= _LEAST:
        return min(room, _DEFAULT)
    if asked is not None and (asked <= room or open_files == resource.RLIM_INFINITY):
        return asked
    needed = (asked or _LEAST) + reserve
    raise StartError(
        f"the hard limit of open files is {open_files}, but {asked or _LEAST} connections need {needed};"
        f" raise it (ulimit -Hn {needed}, LimitNOFILE= in systemd) or lower --max-connections"
    )

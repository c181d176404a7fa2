"""Numbers that all workers share, in memory that the master maps before it forks them.

Each worker adds to a share of its own, so that counting costs what an addition costs, however many count; the
value is the sum. Names belong to the server: the same name is the same number in every worker, and the values
outlive the workers. Outside a server the same calls count in this process and those it forks.

With backend="redis" counters and limits belong to all servers at the broker of --bus (`counters.remote`).
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastfork._native import cells
from fastfork.errors import CounterError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES_MAX = 1024
NAME_MAX = 111

_REASONS = {
    errno.EINVAL: f"a name has 1 to {NAME_MAX} octets",
    errno.ENOSPC: f"there are {NAMES_MAX} names already, and none is ever given up:"
    " a name should be that of a thing to count, never made from a user or a request",
    errno.EEXIST: "the name belongs to one of another kind (Counter, Gauge, RateLimit)",
}


class Counter(cells.Counter):
    """A number that only goes up: requests, errors, octets. It outlives the workers.

    >>> requests = Counter("requests")
    >>> requests.add()

    With *backend* "redis" (or a URL) all servers at the broker count together; it costs a round trip.
    """

    __slots__ = ()

    def __new__(cls, *args: object, backend: str = "memory", **more: object) -> Counter:  # noqa: ARG004, PYI034
        """Make one of the kind that *backend* says."""
        if backend != "memory" and cls is Counter:
            from fastfork.counters.remote import RemoteCounter as cls  # noqa: N813
        return cells.Counter.__new__(cls)

    def __init__(self, name: str, *, backend: str = "memory") -> None:  # noqa: ARG002 - __new__ has used it
        with _told(f"Counter({name!r})"):
            super().__init__(name)


class Gauge(cells.Gauge):
    """A number that goes up and down: users online, jobs at work.

    Each worker has a share: `set` changes only that, `value` is the sum of all. When a worker ends,
    however it does, its share is given back: the value is always about workers that live. What is set while
    the application is imported is the share of each worker, whether or not it is imported once for all.

    >>> online = Gauge("online_users")
    >>> online.add(1)
    >>> online.add(-1)
    """

    __slots__ = ()

    def __init__(self, name: str) -> None:
        with _told(f"Gauge({name!r})"):
            super().__init__(name)


class RateLimit(cells.Limit):
    """Lets *limit* pass *per* seconds, all workers together: at once after a rest, then evenly.

    >>> logins = RateLimit("login", 5, per=60)
    >>> logins.allow()
    True

    With *backend* "redis" (or a URL) for all servers at the broker together, or for this server alone while
    the broker is away; it costs a round trip.
    """

    __slots__ = ()

    def __new__(cls, *args: object, backend: str = "memory", **more: object) -> RateLimit:  # noqa: ARG004, PYI034
        """Make one of the kind that *backend* says."""
        if backend != "memory" and cls is RateLimit:
            from fastfork.counters.remote import RemoteLimit as cls  # noqa: N813
        return cells.Limit.__new__(cls)

    def __init__(
        self,
        name: str,
        limit: int,
        *,
        per: float,
        backend: str = "memory",  # noqa: ARG002 - __new__ has used it
    ) -> None:
        if not (0 < limit <= 1_000_000_000 and 0 < per <= 31_536_000.0):
            raise CounterError(
                f"RateLimit({name!r}): limit is 1 to 1,000,000,000, per above 0 s and up to a year"
            )
        with _told(f"RateLimit({name!r})"):
            super().__init__(name, limit, max(1, round(per * 1e9 / limit)))

    def allow(self) -> bool:
        """Take one if it may pass; return whether it may."""
        return self.take() == 0.0


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CounterError(f"{what}: {_REASONS[error.errno or 0]}") from None

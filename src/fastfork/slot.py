"""The slot of this worker: a number that a replacement inherits, unlike a pid."""

from __future__ import annotations

_slot: int | None = None
_workers = 1


def worker_slot() -> int | None:
    """Return this worker's slot, 0 to workers - 1; None outside a worker."""
    return _slot


def share(total: int) -> int:
    """Return this worker's part of *total*, as of the connections that a database allows; at least 1.

    The parts of all workers make up the whole. Outside a worker that is *total*. While a worker is relieved
    its slot has two.
    """
    if _slot is None:
        return total
    part, rest = divmod(total, _workers)
    return max(1, part + (_slot < rest))


def take_slot(number: int, *, workers: int) -> None:
    """Make this process the worker of slot *number*, one of so many."""
    global _slot, _workers
    _slot, _workers = number, workers

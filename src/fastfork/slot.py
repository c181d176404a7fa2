"""The slot of this worker: a number that a replacement inherits, unlike a pid."""

from __future__ import annotations

_slot: int | None = None


def worker_slot() -> int | None:
    """Return this worker's slot, 0 to workers - 1; None outside a worker."""
    return _slot


def take_slot(number: int) -> None:
    """Make this process the worker of slot *number*."""
    global _slot
    _slot = number

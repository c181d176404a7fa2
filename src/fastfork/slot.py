"""What a worker knows of its place: its slot, a number that a replacement inherits, and the broker."""

from __future__ import annotations

import os

_slot: int | None = None
_is_template = False
_broker: tuple[str, str] | None = None
_workers = 1


def worker_slot() -> int | None:
    """Return this worker's slot, 0 to workers - 1; None outside a worker."""
    return _slot


def share(total: int) -> int:
    """Return this worker's part of *total*, as of the connections that a database allows; at least 1.

    The parts of all workers make up the whole. Outside a worker that is *total*; while an application is
    imported for all of them, it is the smallest part. While a worker is relieved its slot has two.
    """
    if not is_inside():
        return total
    part, rest = divmod(total, _workers)
    return max(1, part + (_slot is not None and _slot < rest))


def is_inside() -> bool:
    """Whether this process is a worker, or the template that workers are forked from."""
    return _slot is not None or _is_template


def take_slot(number: int, *, workers: int) -> None:
    """Make this process the worker of slot *number*, one of so many."""
    global _slot, _workers
    _slot, _workers = number, workers


def take_template(*, workers: int) -> None:
    """Make this process the one that so many workers are forked from."""
    global _is_template, _workers
    _is_template, _workers = True, workers


def broker() -> tuple[str, str] | None:
    """Return URL and channel of the broker that servers share; outside a server what FASTFORK_BUS says."""
    if _broker is not None or is_inside():
        return _broker
    url = os.environ.get("FASTFORK_BUS", "local")
    return None if url == "local" else (url, os.environ.get("FASTFORK_BUS_CHANNEL", "default"))


def take_broker(url: str, channel: str) -> None:
    """Let this worker have the broker at *url*."""
    global _broker
    _broker = (url, channel)

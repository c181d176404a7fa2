"""Lanes for one worker: all that it needs, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork._native.dispatcher import Dispatcher


def lease(dispatcher: Dispatcher, *, slot: int, threads: int) -> tuple[int, ...]:
    """Return a fresh lane for each of *threads*. Raises OSError, with none of them leased."""
    lanes: list[int] = []
    try:
        while len(lanes) < threads:
            lanes.append(dispatcher.lease(slot=slot))
    except OSError:
        release(dispatcher, lanes)
        raise
    return tuple(lanes)


def release(dispatcher: Dispatcher, lanes: Iterable[int]) -> None:
    """Close *lanes* for good, when their worker is gone and recovered."""
    for lane in lanes:
        dispatcher.release(lane)

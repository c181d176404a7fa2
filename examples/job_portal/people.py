"""How many people are online, the same number in every worker.

One worker counts, the leader, from the sessions, and sets its share of a gauge. So nobody counts twice who
reached several workers; and when the leader dies, its share goes with it, and the next leader counts anew.
"""

from __future__ import annotations

from threading import Event

import fastfork
from fastfork import Gauge, bus

from . import pools

online = Gauge("portal: online")

_EVERY = 1.0
"""Seconds: people leave without a word."""

_changed = Event()


def say_that_people_changed() -> None:
    """Let the leader count at once."""
    bus.publish("portal.people", None)


@bus.subscribe("portal.people")
def count_at_once(topic: str, message: object, sender: int | str) -> None:
    """Wake the leader, if it is in this worker."""
    _changed.set()


@fastfork.leader
def count_people(stop: Event) -> None:
    """Count, until another worker leads."""
    try:
        while not stop.is_set():
            _changed.clear()
            _count()
            _changed.wait(_EVERY)
    finally:
        online.set(0)


def _count() -> None:
    try:
        online.set(pools.here().sessions.count_online())
    except Exception as error:  # the store is away: the number stays as it is, and is counted again
        print(f"people were not counted: {error}", flush=True)

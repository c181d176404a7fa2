"""What a worker remembers of the database, until somebody says that it has changed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")

_MOST = 500
"""Entries: what visitors search for must not fill the memory."""

_LIFETIME = 30.0
"""Seconds: who changes something may die before it has said so."""


class Cache:
    """The last answers of the database. Requests, and the bus thread, may use it at once."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, tuple[float, object]] = OrderedDict()
        self._age = 0
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], T]) -> tuple[T, bool]:
        """Return what *load* returned for *key*, now or earlier; and whether it was earlier."""
        with self._lock:
            age = self._age
            kept = self._entries.get(key)
            if kept is not None and kept[0] > time.monotonic():
                self._entries.move_to_end(key)
                return cast("T", kept[1]), True
        value = load()
        with self._lock:
            # What was loaded while something changed may be old: it serves this request and no other.
            if age == self._age:
                self._entries[key] = time.monotonic() + _LIFETIME, value
                self._entries.move_to_end(key)
                while len(self._entries) > _MOST:
                    self._entries.popitem(last=False)
        return value, False

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._age += 1
            self._entries.clear()

"""When a dead worker is replaced. Pure: time and chance are passed in."""

from __future__ import annotations

_FIRST = 0.1
_CAP = 15.0
_HEALTHY = 30.0
_SPREAD = 0.2


class Backoff:
    """The patience with one slot: at once, then 0.1 s doubling to 15 s; 30 healthy seconds reset it."""

    def __init__(self) -> None:
        self._failures = 0

    def delay(self, *, healthy_for: float, chance: float) -> float:
        """Return the seconds until the next try, after a worker that served for *healthy_for* seconds.

        *chance* is from 0 to 1: it spreads the slots, so that they don't all fork in the same moment.
        """
        if healthy_for >= _HEALTHY:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        doubled = _FIRST * 2.0 ** min(self._failures - 2, 16)
        return min(_CAP, doubled * (1 + _SPREAD * (2 * chance - 1)))

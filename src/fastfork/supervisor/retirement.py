"""When a worker has served long enough. Pure: facts and chance are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from fastfork.settings import Settings

_MIB = 1 << 20


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker may do and have before another one takes its place; 0 sets no limit."""

    requests: int = 0
    memory: int = 0
    """Resident octets."""
    lifetime: float = 0.0
    """Seconds since it was ready."""

    @property
    def is_limited(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.requests or self.memory or self.lifetime)

    def reason_to_retire(self, *, requests: int, memory: int, age: float) -> str | None:
        """Return what is used up, in words that follow "retires"; None if nothing is."""
        if 0 < self.requests <= requests:
            return f"after {requests} request{'s' if requests > 1 else ''}"
        if 0 < self.memory <= memory:
            return f"with {memory // _MIB} MiB of memory"
        if 0 < self.lifetime <= age:
            return f"after {age:.0f} s"
        return None


def term_of(settings: Settings, *, chance: float) -> Term:
    """Return the term of one worker; *chance*, from 0 to 1, is its share of the jitter."""
    spread = round(settings.max_requests_jitter * chance)
    return Term(
        requests=settings.max_requests + spread if settings.max_requests else 0,
        memory=settings.max_memory * _MIB,
        lifetime=settings.max_lifetime,
    )

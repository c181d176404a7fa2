"""Why a target that is missed is missed, as measured, and what would be tried next.

The report prints what belongs to targets that its results miss, and nothing else of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Miss:
    """What is known of a target that can be missed."""

    reason: str
    ideas: tuple[str, str, str]


MISSES: dict[str, Miss] = {}
"""By the key of `figures.PROMISED`."""

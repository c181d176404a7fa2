"""Who is forked again, and when."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastfork.cluster import keeping
from fastfork.cluster.keeping import Keeping


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give a clock that stands still."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(keeping, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(keeping, "chance", lambda: 0.5)
    return clock


class Forks:
    """Makes workers that are only numbers."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def __call__(self) -> Any:
        """Make one."""
        worker = SimpleNamespace(id=len(self.made) + 1, exited_after_disconnect=False)
        self.made.append(worker)
        return worker


def test_next_one_comes_at_once_then_later_and_later(clock: SimpleNamespace) -> None:
    forks = Forks()
    kept = Keeping(forks)
    kept.begin(1)
    waited = []

    for _ in range(4):
        kept.ended(forks.made[-1])
        waited.append((kept.next_look() or 0) - clock.now)
        clock.now = kept.next_look() or 0
        kept.look()

    assert waited == pytest.approx([0.0, 0.1, 0.2, 0.4])
    assert len(forks.made) == 5


def test_who_lived_long_is_replaced_at_once(clock: SimpleNamespace) -> None:
    forks = Forks()
    kept = Keeping(forks)
    kept.begin(1)
    for _ in range(3):
        kept.ended(forks.made[-1])
        clock.now = (kept.next_look() or 0) + 60
        kept.look()

    kept.ended(forks.made[-1])
    clock.now += 60

    assert (kept.next_look() or 0) <= clock.now


def test_who_was_told_to_go_or_is_not_ours_is_not_replaced(clock: SimpleNamespace) -> None:
    forks = Forks()
    kept = Keeping(forks)
    kept.begin(1)
    forks.made[0].exited_after_disconnect = True

    kept.ended(forks.made[0])
    kept.ended(SimpleNamespace(id=77, exited_after_disconnect=False))  # type: ignore[arg-type]

    assert not kept
    assert kept.next_look() is None

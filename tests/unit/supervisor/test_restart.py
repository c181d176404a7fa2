"""When a dead worker is replaced."""

from __future__ import annotations

import pytest

from fastfork.supervisor.restart import Backoff


def delays(count: int, *, chance: float = 0.5, healthy_for: float = 0.0) -> list[float]:
    """Return the delays after *count* deaths in a row."""
    backoff = Backoff()
    return [backoff.delay(healthy_for=healthy_for, chance=chance) for _ in range(count)]


def test_first_restart_is_at_once() -> None:
    assert delays(1) == [0.0]


def test_delay_starts_at_a_tenth_and_doubles() -> None:
    assert delays(6)[1:] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])


def test_delay_never_exceeds_fifteen_seconds() -> None:
    assert max(delays(2000, chance=1.0)) == 15.0


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.08), (1.0, 0.12)])
def test_chance_spreads_by_a_fifth(chance: float, expected: float) -> None:
    assert delays(2, chance=chance)[1] == pytest.approx(expected)


def test_thirty_healthy_seconds_reset_the_delay() -> None:
    assert delays(4, healthy_for=30.0) == [0.0] * 4


def test_less_than_thirty_healthy_seconds_reset_nothing() -> None:
    assert delays(3, healthy_for=29.9)[2] == pytest.approx(0.2)

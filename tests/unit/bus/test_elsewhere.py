"""What a server knows of the others."""

from __future__ import annotations

import pytest

from fastfork.bus.broker import back_off
from fastfork.bus.elsewhere import SILENCE, Elsewhere


def test_requests_go_to_who_has_the_fewest_and_then_by_turns() -> None:
    known = Elsewhere()
    for origin in "abc":
        known.hear(origin, 0.0).names = frozenset({"sum"})
    known.hear("d", 0.0)

    assert [known.choose("sum") for _ in range(4)] == ["a", "b", "c", "a"]
    known.peers["b"].working = 1
    assert [known.choose("sum") for _ in range(3)] == ["c", "a", "c"]
    assert known.choose("sum", but={"a", "c"}) == "b"
    assert known.choose("other") is None


def test_who_says_nothing_for_too_long_is_not_there() -> None:
    known = Elsewhere()
    known.hear("a", 10.0)
    known.hear("b", 15.0)

    assert known.silent(10.0 + SILENCE) == []
    assert known.silent(10.1 + SILENCE) == ["a"]
    assert list(known.peers) == ["b"]


@pytest.mark.parametrize(
    ("said", "misses"),
    [
        ([(1, 1), (2, 1), (5, 3), (5, 0)], [False] * 4),
        ([(7, 0), (8, 1)], [False, False]),  # what was before it came is nobody's business
        ([(1, 1), (3, 1), (4, 1)], [False, True, False]),
        ([(1, 1), (2, 0)], [False, True]),  # the last ones are missing: the news tell
    ],
)
def test_number_that_is_missing_is_missed_once(
    said: list[tuple[int, int]], misses: list[bool]
) -> None:
    known = Elsewhere()

    assert [known.misses("a", number, new) for number, new in said] == misses


def test_numbers_outlive_a_silence_but_not_a_farewell() -> None:
    known = Elsewhere()
    known.hear("a", 0.0)
    known.misses("a", 5, 0)

    known.silent(1000.0)
    assert known.misses("a", 6, 0)
    known.leave("a")
    assert not known.misses("a", 9, 0)


def test_tries_back_off_from_a_tenth_of_a_second_to_five() -> None:
    delays = [back_off(n, chance=0.5) for n in range(1, 9)]

    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert (back_off(1, chance=0.0), back_off(1, chance=1.0)) == pytest.approx((0.08, 0.12))

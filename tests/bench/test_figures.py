"""What the report says of results: ranks, targets, and why one is missed."""

from __future__ import annotations

from typing import Any

import figures
import pytest
from misses import MISSES


def results(scenario: str, **cost: list[float]) -> dict[str, Any]:
    """Return the results of *scenario*: what each server took in each round."""
    about = {"main": "cpu_us", "unit": "µs", "shown": [], "kinds": ["wsgi"], "question": "?"}
    return {
        "servers": {name: {"kind": "hello" if name == "floor" else "wsgi"} for name in cost},
        "scenarios": {scenario: {**about, "points": [""]}},
        "samples": [
            {
                "scenario": scenario,
                "point": "",
                "server": name,
                "round": turn,
                "figures": {"cpu_us": one},
            }
            for name, rounds in cost.items()
            for turn, one in enumerate(rounds)
        ],
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "word"),
    [
        ([6.0, 7.0, 8.0], [8.0, 9.0, 9.0], "first"),
        ([6.0, 8.0, 9.0], [6.0, 7.0, 8.0], "level"),  # the ranges overlap
        ([8.0, 9.0, 9.5], [6.0, 7.0, 7.5], "behind"),
    ],
)
def test_a_rank_is_behind_only_where_the_ranges_are_apart(
    ours: list[float], theirs: list[float], word: str
) -> None:
    (table,) = figures.tables(results("flask", fastfork=ours, bjoern=theirs, floor=[1.0] * 3))
    found = figures.rank(table)

    assert found
    assert (found.word, found.best.server) == (word, "bjoern")


@pytest.mark.parametrize(("ours", "word"), [(12.0, "met"), (13.0, "MISSED")])
def test_a_target_is_judged_by_the_floor_of_the_same_round(ours: float, word: str) -> None:
    measured = results("hello_kept", floor=[10.0, 20.0], fastfork=[ours, 2 * ours])
    found = {one.key: one for one in figures.targets([*figures.tables(measured)])}

    assert found["kept"].found == pytest.approx(ours / 10)
    assert found["kept"].word == word
    assert found["fresh"].word == "not measured"


def test_why_a_target_is_missed_is_told_of_targets_that_there_are() -> None:
    assert set(MISSES) <= {key for key, _, _ in figures.PROMISED}

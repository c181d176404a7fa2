"""What a request costs in instructions, system calls, allocations and memory stays within its budget.

None of it is measured in time: all is counted, and the same on a busy machine. Over its budget? Then either
make it cheaper, or say in the commit what it buys, and record it: python bench/micro/budgets.py --record
"""

from __future__ import annotations

import datetime as dt

import budgets
import counts
import pytest

TODAY = dt.date(2026, 11, 27)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", counts.KINDS)
def test_a_request_costs_no_more_than_its_budget(kind: str) -> None:
    count, unit = counts.KINDS[kind]
    try:
        for _ in range(3):  # a busy machine adds a page or a call, and never takes one away
            over = budgets.check(kind, *count(), unit=unit)
            if not over:
                break
    except (counts.Missing, budgets.Unknown) as why:
        pytest.skip(str(why))

    assert over == []


@pytest.mark.parametrize(
    ("figure", "allowed", "is_over"),
    [
        (100.0, 100.0, False),
        (90.0, 100.0, False),
        (103.0, 100.0, False),
        (103.1, 100.0, True),
        (0.0, 0.0, False),
        (1.0, 0.0, True),
    ],
)
def test_more_than_three_per_cent_over_is_over(
    figure: float, allowed: float, is_over: bool
) -> None:
    said = budgets.judge({"a head": figure}, {"a head": [allowed, TODAY]}, unit="instructions")

    assert bool(said) == is_over
    assert all("a head" in line and str(TODAY) in line for line in said)


def test_a_count_without_a_budget_is_named() -> None:
    assert "a tail" in budgets.judge({"a tail": 1.0}, {}, unit="bytes")[0]


def test_budgets_are_not_judged_in_other_surroundings() -> None:
    with pytest.raises(budgets.Unknown, match=r"tcc 0\.9"):
        budgets.check("instructions", "tcc 0.9", {}, unit="instructions")


def test_the_file_is_written_as_it_is_read() -> None:
    assert budgets.render(budgets.load()) == budgets.FILE.read_text()

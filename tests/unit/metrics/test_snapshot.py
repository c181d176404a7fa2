"""Times as counts of ranges."""

from __future__ import annotations

import pytest

from fastfork.metrics.snapshot import Times

ENDS = [0.001, 0.002, 0.004, float("inf")]


@pytest.mark.parametrize(
    ("counts", "share", "end"),
    [
        ([0, 0, 0, 0], 0.5, None),
        ([1, 0, 0, 0], 0.99, 0.001),
        ([50, 49, 1, 0], 0.5, 0.001),
        ([50, 49, 1, 0], 0.99, 0.002),
        ([50, 49, 1, 0], 1.0, 0.004),
        ([0, 0, 0, 3], 0.5, float("inf")),
    ],
)
def test_percentile_is_the_end_of_its_range(
    counts: list[int], share: float, end: float | None
) -> None:
    assert Times(counts).percentile(share, ENDS) == end


def test_difference_is_what_came_in_between() -> None:
    later, before = Times([5, 1, 0, 0], 2.5), Times([3, 1, 0, 0], 1.0)

    assert later.since(before) == Times([2, 0, 0, 0], 1.5)
    assert later.count == 6

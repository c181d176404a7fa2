"""Waiting times as the documentation is given them."""

from __future__ import annotations

import json
from math import inf

import tail


def test_figures_are_milliseconds_and_null_for_what_was_never_answered() -> None:
    found = tail.row("ours", [0.0, 0.0012, inf], best=0.001)

    kept = json.loads(
        tail.figures(6.0, [{"case": "8x1", "mode": "new", "rows": [found.plain(), found.plain()]}])
    )

    row = {"server": "ours", "p50": 1.2, "p90": None, "p99": None, "p99.9": None}
    assert kept == {"seconds": 6, "tables": [{"case": "8x1", "mode": "new", "rows": [row, row]}]}

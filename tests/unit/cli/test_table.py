"""A status as text."""

from __future__ import annotations

import os
from typing import Any

import pytest
from click import unstyle

from fastfork.cli.table import duration, latency, lines_of, proportional, row, size

VIEW: dict[str, Any] = {
    "slot": 3,
    "pid": 77,
    "state": "ready",
    "age": 90.0,
    "restarts": 2,
    "last_end": "died: SIGKILL; next try at once\nwith more",
    "connections": 4,
    "running": 1,
    "requests": 1000,
    "rate": 12.34,
    "p50": 0.0015,
    "p99": None,
    "rss": 50 << 20,
    "cpu": 0.25,
}
STATUS: dict[str, Any] = {
    "name": "shop",
    "app": "shop:app",
    "listeners": ["http://127.0.0.1:8000"],
    "state": "serving",
    "age": 7200.0,
    "generation": 1,
    "pid": 70,
    "version": "1",
    "requests": 5,
    "rate": 0.5,
    "p50": 0.001,
    "p99": 0.002,
    "waited_p99": None,
    "connections": {"running": 1, "at_workers": 2},
    "lines_lost": 0,
    "broker": None,
    "template": None,
    "slots": [VIEW],
}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.0, "59s"), (90.0, "1.5m"), (7200.0, "2.0h"), (1e5, "1.2d")],
)
def test_duration_has_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert (latency(None), size(None), proportional(None)) == ("-", "-", None)


def test_proportional_memory_is_asked_from_the_kernel() -> None:
    assert (proportional(os.getpid()) or 0) > 1 << 20


def test_row_has_a_cell_for_every_column() -> None:
    cells = row(VIEW, pss=lambda pid: 10 << 20)

    assert " ".join(cells) == "3 77 ready 1.5m 2 4 1 1000 12.3 1.5ms - 50M 10M 25%"


def test_status_is_a_table_with_the_last_ends_below() -> None:
    lines = list(map(unstyle, lines_of(STATUS)))

    assert lines[0] == "shop: shop:app on http://127.0.0.1:8000"
    assert lines[1].startswith("serving for 2.0h, generation 1, pid 70")
    assert "1 running, 2 at workers" in lines[3]
    assert len({len(line) for line in lines[5:7]}) == 1
    assert lines[-1] == "slot 3, last end: died: SIGKILL; next try at once"


def test_the_state_of_a_worker_has_a_colour() -> None:
    assert any("\x1b[32mready\x1b[0m" in line for line in lines_of(STATUS))


def test_lost_lines_of_the_log_are_told() -> None:
    assert lines_of({**STATUS, "lines_lost": 3})[-1] == "3 log lines lost"


def test_template_is_told_with_its_state() -> None:
    there = {"pid": 7, "why": "", "rss": 20 << 20}
    gone = {"pid": None, "why": "importing shop:app left 1 event loop", "rss": 0}

    told = [lines_of({**STATUS, "template": one})[4] for one in (there, gone)]

    assert told == [
        "template: pid 7, ready, 20M resident",
        "template: none, workers import for themselves: importing shop:app left 1 event loop",
    ]


def test_broker_is_told_with_its_state() -> None:
    broker = {
        "url": "redis://host",
        "is_up": True,
        "why": "",
        "servers": 1,
        "carried": 7,
        "lost": 2,
    }
    away = {**broker, "is_up": False, "why": "refused"}

    told = [lines_of({**STATUS, "broker": one})[4] for one in (broker, away)]

    assert told == [
        "bus: redis://host, connected with 1 other server; 7 sent across, 2 lost",
        "bus: redis://host, AWAY (refused), messages stay on this server; 7 sent across, 2 lost",
    ]

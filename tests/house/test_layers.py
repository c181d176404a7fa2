"""The floors of the C core: calls go down, and rooms side by side know each other only by name here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "ext" / "core"
UNITS = sorted({path.stem for path in CORE.glob("*.[ch]")})

FLOORS = {
    # -1 processes: the master's three, then the worker's
    "dispatcher": -1,
    "dealer": -1,
    "recovery": -1,
    "rescue": -1,
    "keeper": -1,
    "salvage": -1,
    "handover": -1,
    "escrow": -1,
    "hub": -1,
    "hub_routes": -1,
    "link": -1,
    "lane": -1,
    "lane_life": -1,
    "duplex": -1,
    "tenure": -1,
    "flusher": -1,
    "exchange": -1,
    "sharer": -1,
    # -2 the client
    "conn": -2,
    "works": -2,
    # -3 trade
    "http_request": -3,
    "http_target": -3,
    "http_field": -3,
    "http_scan": -3,
    "http_body": -3,
    "http_response": -3,
    "http_forwarded": -3,
    "networks": -3,
    "proxy": -3,
    "channel": -3,
    "balance": -3,
    "conntable": -3,
    "progress": -3,
    "page": -3,
    "frame": -3,
    "inbox": -3,
    "outbox": -3,
    "cells": -3,
    "seat": -3,
    "logline": -3,
    # -4 plumbing
    "clock": -4,
    "crash": -4,
    "sock": -4,
    "poller": -4,
    "deadlines": -4,
    "pace": -4,
    "buffer": -4,
    "spool": -4,
    "record": -4,
    "shared": -4,
    "histogram": -4,
}

# Who may look sideways, and at whom. Master and worker meet in the page and the channel only.
NEIGHBOURS = {
    "dispatcher": {"dealer", "escrow", "handover", "hub", "keeper", "rescue"},
    "handover": {"dispatcher", "keeper"},
    "hub": {"hub_routes"},
    "hub_routes": {"hub"},
    "recovery": {"dealer", "dispatcher", "keeper", "salvage"},
    "dealer": {"dispatcher", "keeper"},
    "keeper": {"dealer", "dispatcher", "salvage"},
    "salvage": {"dispatcher"},
    "lane": {"duplex", "flusher", "sharer", "tenure"},
    "lane_life": {"lane", "tenure"},
    "duplex": {"lane", "tenure"},
    "tenure": {"lane"},
    "exchange": {"lane", "tenure"},
    "works": {"conn"},
    "cells": {"page"},
    "record": {"buffer"},
    "conntable": {"page"},
    "inbox": {"frame"},
    "outbox": {"frame"},
    "seat": {"page"},
    "progress": {"page"},
    "http_request": {"http_field", "http_scan", "http_target"},
    "http_target": {"http_request", "http_scan"},
    "http_field": {"http_request", "http_scan", "http_target"},
    "http_body": {"http_field", "http_request", "http_scan"},
    "http_response": {"http_request", "http_field", "http_scan"},
    "http_forwarded": {"http_request", "http_field", "http_scan", "http_target", "networks"},
}


def includes(unit: str, pattern: str) -> set[str]:
    """Return what the .c and .h of *unit* include, as *pattern* captures it."""
    text = "".join(path.read_text() for path in CORE.glob(f"{unit}.[ch]"))
    return set(re.findall(rf"^\s*#\s*include\s+{pattern}", text, re.MULTILINE))


@pytest.fixture(scope="module")
def symbols(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    """Return (unit, kind, name) of every symbol of the core, as nm sees it."""
    objects = tmp_path_factory.mktemp("objects")
    # Not position independent, so that a table of constant pointers counts as constant.
    flags = ["-std=c11", "-D_GNU_SOURCE", "-fno-pic", "-c", f"-I{CORE}"]
    sources = sorted(str(path) for path in CORE.glob("*.c"))
    subprocess.run(["gcc", *flags, *sources], cwd=objects, check=True)
    found = []
    for path in sorted(objects.glob("*.o")):
        listing = subprocess.run(["nm", str(path)], check=True, capture_output=True, text=True)
        found += [(path.stem, *line.split()[-2:]) for line in listing.stdout.splitlines()]
    return [(unit, kind, name) for unit, kind, name in found]


def test_every_unit_has_its_floor() -> None:
    assert set(UNITS) == set(FLOORS)


@pytest.mark.parametrize("unit", UNITS)
def test_unit_includes_only_what_lies_below_it(unit: str) -> None:
    wrong = {
        other
        for other in includes(unit, r'"(\w+)\.h"') - {unit} - NEIGHBOURS.get(unit, set())
        if FLOORS[other] >= FLOORS[unit]
    }

    assert not wrong


def test_listed_neighbours_live_on_one_floor() -> None:
    pairs = [(unit, other) for unit, others in NEIGHBOURS.items() for other in others]

    assert [pair for pair in pairs if FLOORS[pair[0]] != FLOORS[pair[1]]] == []


def test_listed_neighbours_are_needed() -> None:
    unused = {unit: others - includes(unit, r'"(\w+)\.h"') for unit, others in NEIGHBOURS.items()}

    assert {unit: others for unit, others in unused.items() if others} == {}


def test_only_the_poller_knows_epoll() -> None:
    assert [unit for unit in UNITS if "sys/epoll" in includes(unit, r"<(.+)\.h>")] == ["poller"]


def test_core_knows_no_python() -> None:
    assert [unit for unit in UNITS if "Python" in includes(unit, r'[<"](\w+)\.h[>"]')] == []


def test_core_keeps_no_variables_of_its_own(symbols: list[tuple[str, str, str]]) -> None:
    variables = [(unit, name) for unit, kind, name in symbols if kind in "bBdDC"]

    assert variables == []


def test_core_exports_only_names_with_its_prefix(symbols: list[tuple[str, str, str]]) -> None:
    others = [
        (unit, name) for unit, kind, name in symbols if kind in "TR" and not name.startswith("ff_")
    ]

    assert others == []

"""What results.json says: medians, ranges and ranks. Pure, so that the report can't flatter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

FLOORS = ("floor", "floor-one-packet", "floor-queue")
OURS = ("fastfork", "fastfork-asgi")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One server in one table."""

    server: str
    main: float
    low: float
    high: float
    rounds: int
    x_floor: float | None
    """Median over the rounds of what it costs by what the floor did in the same round."""
    shown: dict[str, float]
    failed: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """One scenario at one point, of servers of one kind; the best first."""

    scenario: str
    point: str
    kind: str
    question: str
    unit: str
    rows: list[Row]
    refused: dict[str, str]

    @property
    def title(self) -> str:
        """What tells it from the others."""
        return " · ".join(part for part in (self.scenario, self.point, self.kind.upper()) if part)


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Where fastfork stands in a table."""

    table: Table
    ours: Row
    best: Row
    """The best of the others."""

    @property
    def word(self) -> str:
        """first, level (the ranges of both overlap) or behind."""
        if self.ours.main <= self.best.main:
            return "first"
        return "level" if self.ours.low <= self.best.high else "behind"


def tables(results: dict[str, Any]) -> Iterator[Table]:
    """Return all tables."""
    kind_of = {name: about.get("kind", "") for name, about in results["servers"].items()}
    for name, about in results["scenarios"].items():
        for point in about["points"]:
            for kind in about["kinds"]:
                if kind == "hello":
                    continue  # they stand beside each of the others
                samples = [
                    sample
                    for sample in results["samples"]
                    if sample["scenario"] == name
                    and sample["point"] == point
                    and kind_of[sample["server"]] in (kind, "hello")
                ]
                if table := _table(name, point, kind, about, samples):
                    yield table


def _table(
    name: str, point: str, kind: str, about: dict[str, Any], samples: list[dict[str, Any]]
) -> Table | None:
    main = about["main"]
    by_server: dict[str, dict[int, dict[str, float]]] = {}
    refused = {}
    for sample in samples:
        if "refused" in sample:
            refused[sample["server"]] = sample["refused"]
        else:
            by_server.setdefault(sample["server"], {})[sample["round"]] = sample["figures"]
    floor = by_server.get("floor", {})
    rows = []
    for server, rounds in by_server.items():
        if server in refused:
            continue
        values = [figures[main] for figures in rounds.values()]
        ratios = [
            rounds[at][main] / floor[at][main] for at in rounds if floor.get(at, {}).get(main)
        ]
        rows.append(
            Row(
                server=server,
                main=median(values),
                low=min(values),
                high=max(values),
                rounds=len(values),
                x_floor=median(ratios) if ratios else None,
                shown={
                    key: median(found)
                    for key in about["shown"]
                    if (found := [one[key] for one in rounds.values() if key in one])
                },
                failed=sum(one.get("failed", 0) for one in rounds.values()),
            )
        )
    if not rows and not refused:
        return None
    rows.sort(key=lambda row: row.main)
    return Table(
        scenario=name,
        point=point,
        kind=kind,
        question=about["question"],
        unit=about["unit"],
        rows=rows,
        refused=refused,
    )


def rank(table: Table) -> Rank | None:
    """Return where fastfork stands among the servers; None when nobody is beside it, or it has no row."""
    ours = [row for row in table.rows if row.server in OURS]
    others = [
        row
        for row in table.rows
        if row.server not in FLOORS and not row.server.startswith("fastfork")
    ]
    return Rank(table=table, ours=ours[0], best=others[0]) if ours and others else None


def noise(results: dict[str, Any]) -> tuple[float, float, float] | None:
    """Return the CPU µs of the floor between rounds: least, median, most."""
    values = [one["cpu_us"] for one in results["noise"]]
    return (min(values), median(values), max(values)) if values else None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the design promises, and what was measured."""

    key: str
    """What misses.py calls it."""
    what: str
    at_most: float
    found: float | None
    """None: not measured."""

    @property
    def word(self) -> str:
        """met, MISSED or not measured."""
        if self.found is None:
            return "not measured"
        return "met" if self.found <= self.at_most else "MISSED"


PROMISED = (
    ("kept", "WSGI hello, kept connection: CPU by that of a bare C server", 1.25),
    ("kept-peers", "the same by that of the best peer", 1.0),
    ("fresh", "WSGI hello, a connection for each request: CPU by that of a bare C server", 1.25),
    ("asgi", "ASGI hello, kept connection: CPU by that of a bare C server", 1.7),
    ("waiting-fresh", "waiting p99 before busy workers, new connections, by the ideal", 1.2),
    ("waiting-kept", "waiting p99 before busy workers, kept connections, by the ideal", 1.2),
    ("access-log", "hello with an access log, by one without", 1.15),
    ("reload", "requests that fail while the server is reloaded", 0.0),
)
"""What, and at most how much of it."""


def targets(all_of_it: list[Table]) -> list[Target]:
    """Return the promises, and what became of them."""

    def row(scenario: str, kind: str = "wsgi", name: str = "") -> Row | None:
        rows = [
            row
            for table in all_of_it
            if table.scenario == scenario and table.kind == kind
            for row in table.rows
            if row.server in ((name,) if name else OURS)
        ]
        return rows[0] if rows else None

    def ratio(one: Row | None, other: Row | None) -> float | None:
        return one.main / other.main if one and other and other.main else None

    def x_ideal(scenario: str) -> float | None:
        found = row(scenario)
        return found.shown.get("x_ideal") if found else None

    kept, logged = row("hello_kept"), row("access_log", name="fastfork-access-log")
    ranks = [rank(t) for t in all_of_it if t.scenario == "hello_kept" and t.kind == "wsgi"]
    fresh, asgi, reload = row("hello_fresh"), row("hello_kept", "asgi"), row("reload")
    found = {
        "kept": kept.x_floor if kept else None,
        "kept-peers": ratio(ranks[0].ours, ranks[0].best) if ranks and ranks[0] else None,
        "fresh": fresh.x_floor if fresh else None,
        "asgi": asgi.x_floor if asgi else None,
        "waiting-fresh": x_ideal("waiting_fresh"),
        "waiting-kept": x_ideal("waiting_kept"),
        "access-log": ratio(logged, row("access_log", name="fastfork")),
        "reload": reload.main if reload else None,
    }
    return [
        Target(key=key, what=what, at_most=at_most, found=found[key])
        for key, what, at_most in PROMISED
    ]

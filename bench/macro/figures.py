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

    what: str
    at_most: float
    found: float | None
    """None: not measured."""


def targets(all_of_it: list[Table]) -> list[Target]:
    """Return the promises."""

    def x_floor(scenario: str, kind: str) -> float | None:
        rows = [
            row
            for table in all_of_it
            if table.scenario == scenario and table.kind == kind
            for row in table.rows
            if row.server in OURS
        ]
        return rows[0].x_floor if rows else None

    def x_ideal(scenario: str) -> float | None:
        found = [
            row.shown.get("x_ideal")
            for table in all_of_it
            if table.scenario == scenario
            for row in table.rows
            if row.server in OURS
        ]
        return found[0] if found else None

    return [
        Target(
            what="WSGI, kept connection: CPU by that of a bare C server",
            at_most=1.25,
            found=x_floor("hello_kept", "wsgi"),
        ),
        Target(
            what="WSGI, connection per request: CPU by that of a bare C server",
            at_most=1.25,
            found=x_floor("hello_fresh", "wsgi"),
        ),
        Target(
            what="ASGI, kept connection: CPU by that of a bare C server",
            at_most=1.7,
            found=x_floor("hello_kept", "asgi"),
        ),
        Target(
            what="waiting p99, new connections, by the ideal",
            at_most=1.2,
            found=x_ideal("waiting_fresh"),
        ),
        Target(
            what="waiting p99, kept connections, by the ideal",
            at_most=1.2,
            found=x_ideal("waiting_kept"),
        ),
    ]

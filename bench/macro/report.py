"""Make the report from results.json: one page that needs nothing else, and the plots beside it.

python bench/macro/report.py bench/report/results.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import plots
from figures import FLOORS, OURS, Rank, Table, Target, noise, rank, targets
from figures import tables as all_tables
from misses import MISSES

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))

import tables as model  # of bench/model

STYLE = """
:root { color-scheme: light dark; --line: #94a3b855; --our: #c2410c; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
tr.told td { text-align: left; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
tr.our td { color: var(--our); font-weight: 600; } tr.floor td { opacity: .6; }
h2 { margin-top: 2.5rem; } .small { font-size: .85em; opacity: .8; }
svg { max-width: 100%; height: auto; background: #fff; }
tr.MISSED td:last-child, .behind { color: #dc2626; } tr.met td:last-child, .first { color: #16a34a; }
@media (max-width: 40rem) { body { margin: 1rem auto; } h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; } }
"""


MODELLED = 10_000
"""Connections in each cell of the model's tables."""


def cell(value: float | None) -> str:
    """Return a number as people read it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table_of(head: list[str], rows: list[tuple[str, list[str]]]) -> str:
    """Return a table; each row has a class."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    lines = [
        f'<tr class="{kind}">' + "".join(f"<td>{escape(one)}</td>" for one in cells) + "</tr>"
        for kind, cells in rows
    ]
    return f"<div class=wide><table><tr>{top}</tr>{''.join(lines)}</table></div>"


def body_of(table: Table, shown: list[str]) -> str:
    """Return one table of measurements."""
    head = ["server", table.unit, "least", "most", "x floor", *shown, "failed"]
    rows = []
    for row in table.rows:
        kind = "our" if row.server in OURS else "floor" if row.server in FLOORS else ""
        cells = [row.server, cell(row.main), cell(row.low), cell(row.high), cell(row.x_floor)]
        cells += [cell(row.shown.get(key)) for key in shown]
        rows.append((kind, [*cells, cell(row.failed) if row.failed else ""]))
    said = "".join(
        f'<p class="small">No row for {escape(server)}: {escape(why)}</p>'
        for server, why in table.refused.items()
    )
    return f"<h3>{escape(table.title)}</h3>{table_of(head, rows) if rows else ''}{said}"


def summary(all_of_it: list[Table]) -> str:
    """Say first where fastfork is not first, and by how much; then where it is."""
    ranks = [found for table in all_of_it if (found := rank(table))]
    told = {
        "behind": "Not first",
        "level": "Level with the best (ranges overlap)",
        "first": "First",
    }
    parts = []
    for word, title in told.items():
        of_word = sorted((one for one in ranks if one.word == word), key=by_how_much, reverse=True)
        parts.append(f"<details {'' if word == 'first' else 'open'}><summary class={word}>")
        parts.append(f"<b>{title}: {len(of_word)} of {len(ranks)}</b></summary>")
        if of_word:
            rows = [("", row_of(one)) for one in of_word]
            head = ["", "best of the others", "it", "fastfork", "more than it", "unit"]
            parts.append(table_of(head, rows))
        parts.append("</details>")
    return "".join(parts)


def by_how_much(one: Rank) -> float:
    """Return how much more fastfork takes than the best of the others."""
    return one.ours.main / one.best.main - 1 if one.best.main else 0.0


def row_of(one: Rank) -> list[str]:
    """Return a line of the summary."""
    figures = [cell(one.best.main), cell(one.ours.main), f"{by_how_much(one):+.0%}"]
    return [one.table.title, one.best.server, *figures, one.table.unit]


def promises(found: list[Target]) -> Iterator[str]:
    """Tell what was promised and what was found; of what was missed, why, and what comes next."""
    yield "<h2>Targets</h2>"
    rows = [(one.word, [one.what, f"{one.at_most:g}", cell(one.found), one.word]) for one in found]
    yield table_of(["", "at most", "measured", ""], rows)
    for one in found:
        if one.word == "MISSED" and one.key in MISSES:
            miss = MISSES[one.key]
            yield f"<p><b>Missed: {escape(one.what)}.</b> {escape(miss.reason)} Next:</p><ol>"
            yield from (f"<li>{escape(idea)}</li>" for idea in miss.ideas)
            yield "</ol>"


def simulated(all_of_it: list[Table]) -> Iterator[str]:
    """Tell what the model says, with the price of a hand-off that was measured here."""
    prices = [
        row.main
        for table in all_of_it
        if table.scenario == "handoff"
        for row in table.rows
        if row.server in OURS
    ]
    if not prices:
        return
    handoff, load = max(prices) / 1e6, 0.6
    yield "<h2>Beyond this machine: a model</h2>"
    yield (
        "<p>A simulation of whom a connection is given to (bench/model; check.py holds it against real "
        "servers), with the hand-off that was measured above. Nine of ten requests are short, one takes "
        "ten times as long.</p>"
    )
    for title, rows in (
        (model.CHOICES.format(load=load), model.choices(load, handoff, count=MODELLED)),
        (
            model.FULLNESS.format(load=load, handoff=handoff * 1e6),
            model.fullness(load, handoff, count=MODELLED),
        ),
    ):
        lines = [("our" if row[0] == "credits" else "", row) for row in rows[1:]]
        yield f"<h3>{escape(title)}</h3>{table_of(rows[0], lines)}"
    yield f"<p class=small>credits: as fastfork deals. {escape(model.verdict(handoff))}</p>"


def pictures(results: dict[str, Any], all_of_it: list[Table], folder: Path) -> dict[str, list[str]]:
    """Draw all plots; return them by the scenario that they belong to."""
    found: dict[str, list[str | None]] = {}
    headline = [t for t in all_of_it if t.scenario in ("hello_kept", "hello_fresh") and t.rows]
    if headline:
        found["headline"] = [
            plots.bars(
                headline, folder / "headline.svg", title="CPU of the whole server for one hello"
            )
        ]
    for table in all_of_it:
        if table.rows and table.scenario not in ("hello_kept", "hello_fresh", "bus"):
            name = f"{table.scenario}-{table.point}-{table.kind}".replace(" ", "-").replace(
                "--", "-"
            )
            if table.point == "" or table.scenario in ("distribution", "reload"):
                drawn = plots.bars([table], folder / f"{name}.svg", title="")
                found.setdefault(table.scenario, []).append(drawn)
    for name in ("waiting_fresh", "waiting_kept"):
        if name in results["scenarios"]:
            found.setdefault(name, []).append(plots.tail(results, name, folder / f"{name}.svg"))
    found.setdefault("distribution", []).append(plots.shares(results, folder / "shares.svg"))
    workers = {"x": "workers", "x_scale": "log", "ticks": {str(n): n for n in (1, 2, 4, 8, 16)}}
    found["workers"] = [
        plots.growth(
            results,
            "workers",
            "cpu_us",
            folder / "workers.svg",
            title="A connection with a hello, by the number of workers",
            y="CPU µs",
            y_scale="log",
            **workers,
        )
    ]
    found["memory"] = [
        plots.growth(
            results,
            "memory",
            "mib",
            folder / "memory.svg",
            title="Memory of all processes",
            y="MiB (PSS)",
            x="workers",
        )
    ]
    found["handoff"] = [
        plots.growth(
            results,
            "handoff",
            "master_us",
            folder / "handoff.svg",
            title="What the master pays for a connection",
            y="CPU µs",
            **workers,
        )
    ]
    found.setdefault("idle", []).extend(
        [
            plots.idle(
                results,
                "kib_",
                folder / "idle-memory.svg",
                title="Memory that idle connections take",
                y="KiB",
                y_scale="log",
            ),
            plots.idle(
                results,
                "cpu_us_",
                folder / "idle-cpu.svg",
                title="A hello beside idle connections",
                y="CPU µs",
                y_scale="log",
            ),
        ]
    )
    return {name: [one for one in drawn if one] for name, drawn in found.items()}


def page(results: dict[str, Any], folder: Path) -> str:
    """Return the page."""
    all_of_it = [*all_tables(results)]
    drawn = pictures(results, all_of_it, folder)
    least, mid, most = noise(results) or (0.0, 0.0, 0.0)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>fastfork, measured</title>",
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style>",
    ]
    parts.append("<h1>fastfork, measured</h1>")
    parts.append(
        "<p>Same application file, one core for the server and another one for the load, every answer "
        "checked (status, length, body), rounds interleaved, medians with the least and the most. The "
        "main figure is CPU time of the whole process tree for each request: it does not depend on who "
        "is faster, server or client. Read ratios; absolute figures mean nothing elsewhere.</p>"
    )
    if most:
        parts.append(
            f"<p>This machine's noise: the floor, a bare C server, took {cell(mid)} µs between rounds, "
            f"from {cell(least)} to {cell(most)} ({(most - least) / mid:.0%}). Differences below that "
            "are none.</p>"
        )
    parts += ["<h2>Summary</h2>", *drawn.pop("headline", []), summary(all_of_it)]
    parts += promises(targets(all_of_it))
    for name, about in results["scenarios"].items():
        parts.append(f"<h2>{escape(about['question'])}</h2>")
        parts += drawn.get(name, [])
        parts += [body_of(table, about["shown"]) for table in all_of_it if table.scenario == name]
        parts.append(f"<p class=small>{escape(about['more'])}</p>")
    parts += simulated(all_of_it)
    parts.append("<h2>Where, and who</h2>")
    parts.append(table_of(["", ""], [("", [*pair]) for pair in results["environment"].items()]))
    servers = [
        (
            "",
            [
                name,
                about.get("version", "-"),
                about.get("how", f"not installable: {about.get('absent')}"),
            ],
        )
        for name, about in results["servers"].items()
    ]
    parts.append(table_of(["server", "version", "how it is started"], servers))
    return "\n".join(parts)


def headline(results: dict[str, Any]) -> str:
    """Return the tables of the headline for a terminal."""
    lines = []
    for table in all_tables(results):
        if table.scenario in ("hello_kept", "hello_fresh"):
            lines.append(f"\n{table.title}: {table.unit}, median (least to most)")
            for row in table.rows:
                ratio = "" if row.x_floor is None else f"{row.x_floor:7.2f} x floor"
                span = f"({row.low:.1f} to {row.high:.1f})"
                lines.append(
                    f"  {row.server:22}{row.main:9.1f} {span:20}{ratio}{row.shown.get('rps', 0):10,.0f}/s"
                )
            lines += [f"  {server:22} no row: {why}" for server, why in table.refused.items()]
    return "\n".join(lines)


def main() -> None:
    """Write the page beside its results, and say where."""
    path = Path(sys.argv[1])
    results = json.loads(path.read_text())
    out = path.parent / "index.html"
    out.write_text(page(results, path.parent))
    print(headline(results))
    for one in (
        found for table in all_tables(results) if (found := rank(table)) and found.word == "behind"
    ):
        print(
            f"not first: {one.table.title}: {one.best.server} {cell(one.best.main)}, "
            f"fastfork {cell(one.ours.main)} {one.table.unit}"
        )
    print(f"\nthe report: {out}")


if __name__ == "__main__":
    main()

"""What the documentation says of waiting times, from one run: bench/macro/tail.py --out docs/waiting.json."""

from __future__ import annotations

import json
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).with_name("waiting.json")
NAMES = {
    "ideal": "ideal",
    "queue": "one queue, in C",
    "fastfork": "fastfork",
    "uwsgi": "uWSGI",
    "gunicorn-sync": "gunicorn, sync",
    "gthread-x4": "gunicorn, gthread",
    "granian": "granian",
}
"""What people call them, in the order of the page."""

CASES = {
    ("8x1", "new"): "8 workers, new connections",
    ("8x1", "pool"): "  kept ones, as many as needed",
    ("8x1", "fixed"): "  the same 8",
    ("stopped", "new"): "one of 8 stopped for 1 s, new",
    ("stopped", "pool"): "  kept",
    ("2x4", "new"): "2 workers x 4 threads, new",
    ("2x4", "pool"): "  kept",
    ("2x4", "fixed"): "  the same 8",
    ("log-normal", "new"): "8, log-normal times, new",
    ("log-normal", "pool"): "  kept",
    ("80%", "new"): "8, busy at 80 %, new",
    ("80%", "pool"): "  kept",
    ("16x1", "new"): "16, three times as slow, new",
    ("16x1", "pool"): "  kept",
    ("saturation", "newcomers"): "8, saturated, a newcomer",
}


class Plot(NamedTuple):
    """A picture: its case, what it says on top, and what the longest wait may be, in milliseconds."""

    case: str
    mode: str
    title: str
    most: int


PLOTS = {
    "new": Plot("8x1", "new", "A connection for each request", 1000),
    "pool": Plot("8x1", "pool", "Connections that are kept", 1000),
    "stopped": Plot("stopped", "new", "One worker stopped for a second, new connections", 1000),
    "saturation": Plot("saturation", "newcomers", "All workers busy: newcomers", 10_000),
}

Row = dict[str, Any]


def rows_of(case: str, mode: str) -> dict[str, Row]:
    """Return server -> its figures, in the order of the page; None is what was never answered."""
    (table,) = (
        one
        for one in json.loads(DATA.read_text())["tables"]
        if (one["case"], one["mode"]) == (case, mode)
    )
    rows = {row["server"]: row for row in table["rows"]}
    return {name: rows[name] for name in NAMES if name in rows}


def _cell(row: Row | None, point: str = "p99") -> str:
    if row is None:
        return ""
    return "fails" if row[point] is None else f"{row[point]:.1f}"


def table() -> str:
    """Return p99 of the cases that have a picture, as Markdown."""
    found = [rows_of(plot.case, plot.mode) for plot in PLOTS.values()]
    lines = ["| | new | kept | one stopped | saturated |", "|---|---|---|---|---|"]
    for server, name in NAMES.items():
        cells = " | ".join(_cell(rows.get(server)) for rows in found)
        lines.append(f"| {name} | {cells} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def text() -> str:
    """Return p99 of every case, a column for each server."""
    short = {name: name.removesuffix("-x4").removesuffix("-sync") for name in NAMES}
    lines = [f"{'':31}" + "".join(f"{short[name]:>9}" for name in NAMES)]
    for (case, mode), label in CASES.items():
        rows = rows_of(case, mode)
        lines.append(f"{label:31}" + "".join(f"{_cell(rows.get(name)):>9}" for name in NAMES))
    return "```text\n" + "\n".join(lines) + "\n```\n"


STYLE = """
  :root { --paper: #ffffff; --ink: #1c2733; --faint: #dfe5ea;
    --other: #64748b; --our: #c2410c; --bad: #b42318; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #14191f; --ink: #e3e9ef; --faint: #333d48;
      --other: #94a3b8; --our: #fb923c; --bad: #ff8a80; }
  }
  .paper { fill: var(--paper); stroke: var(--faint); }
  text { fill: var(--ink); }
  .small { font-size: 12px; }
  .bad { fill: var(--bad); stroke: var(--paper); stroke-width: 4px; paint-order: stroke; }
  .grid { stroke: var(--faint); }
  .ideal { stroke: var(--ink); stroke-dasharray: 3 3; }
  .span { stroke-width: 3; stroke: var(--other); fill: none; }
  .dot { fill: var(--other); stroke: var(--other); stroke-width: 1.5; }
  .hollow { fill: var(--paper); }
  .our .span { stroke: var(--our); } .our .dot { stroke: var(--our); fill: var(--our); }
  .our .hollow { fill: var(--paper); }
  .our text { fill: var(--our); font-weight: 600; }
"""
ASIDE = 'role="img" aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13"'
LEFT, RIGHT, TOP, STEP = 134, 392, 72, 27
POINTS = ("p50", "p90", "p99", "p99.9")


def picture(plot: Plot) -> str:
    """Return the SVG: a line for each server, from the middle to p99.9, on a logarithmic scale."""
    rows = rows_of(plot.case, plot.mode)
    bottom = TOP + STEP * len(rows) - 10
    decades = round(log10(plot.most)) + 1  # from 0.1 ms, which stands for less, too

    def x_of(wait: float) -> str:
        place = (log10(max(0.1, wait)) + 1) / decades
        return f"{LEFT + place * (RIGHT - LEFT):.1f}"

    height = bottom + 42
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 {height}" {ASIDE}>',
        f'<title id="t">Waiting time: {plot.title}</title>',
        f'<desc id="d">{described(rows)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" x="1" y="1" width="418" height="{height - 2}" rx="10"/>',
        f'<text x="14" y="26" font-weight="600">{plot.title}</text>',
        *_legend(ideal="ideal" in rows),
    ]
    for decade in range(decades + 1):
        wait = 10.0 ** (decade - 1)
        at = x_of(wait)
        label = f"{wait:g}" if wait < 1000 else f"{wait / 1000:g} s"
        parts.append(f'<path class="grid" d="M{at} {TOP - 12}V{bottom}"/>')
        parts.append(
            f'<text class="small" x="{at}" y="{bottom + 16}" text-anchor="middle">{label}</text>'
        )
    parts.append(
        f'<text class="small" x="{RIGHT}" y="{bottom + 31}" text-anchor="end">milliseconds</text>'
    )
    if "ideal" in rows:
        parts.append(f'<path class="ideal" d="M{x_of(rows["ideal"]["p99"])} {TOP - 12}V{bottom}"/>')
    for turn, (server, row) in enumerate(rows.items()):
        y = TOP + turn * STEP
        ours = ' class="our"' if server == "fastfork" else ""
        parts.append(f'<g{ours}><text x="14" y="{y + 5}">{NAMES[server]}</text>')
        seen = {point: x_of(row[point]) for point in POINTS if row[point] is not None}
        if len(seen) < len(POINTS):
            begin = min(seen.values(), default=x_of(0), key=float)
            parts.append(f'<path class="span" stroke-dasharray="2 4" d="M{begin} {y}H{RIGHT}"/>')
            told = f"{row['failed']} never answered"
            parts.append(
                f'<text class="small bad" x="{RIGHT}" y="{y - 4}" text-anchor="end">{told}</text>'
            )
        else:
            parts.append(f'<path class="span" d="M{seen["p50"]} {y}H{seen["p99.9"]}"/>')
        parts += [_dot(point, at, y) for point, at in seen.items()]
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _dot(point: str, x: str | float, y: float) -> str:
    """Return the mark of a percentile: p99, which counts, is large."""
    if point in {"p50", "p99.9"}:
        return f'<path class="dot" d="M{x} {y - 5}V{y + 5}"/>'
    kind, radius = ("dot", 5.5) if point == "p99" else ("dot hollow", 3.5)
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}"/>'


def _legend(*, ideal: bool) -> list[str]:
    parts: list[str] = []
    for turn, point in enumerate(POINTS):
        x = 20 + turn * 56
        parts.append(_dot(point, x, 43))
        parts.append(f'<text class="small" x="{x + 9}" y="47">{point}</text>')
    if ideal:
        parts.append('<path class="ideal" d="M250 36V50"/>')
        parts.append('<text class="small" x="257" y="47">p99 of the ideal</text>')
    return parts


def described(rows: dict[str, Row]) -> str:
    """Say p99 of all, for who does not see the picture."""
    told = (
        f"{NAMES[server]} " + ("fails" if row["p99"] is None else f"{row['p99']:.1f} ms")
        for server, row in rows.items()
    )
    return f"p99 of the waiting time: {'; '.join(told)}."


def pictures() -> dict[str, str]:
    """Return the name of each file -> its SVG."""
    return {f"waiting-{name}.svg": picture(plot) for name, plot in PLOTS.items()}

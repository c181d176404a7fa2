"""The plots of the report, as SVG."""

from __future__ import annotations

import io
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from figures import OURS, Table

mpl.use("svg")
mpl.rcParams |= {
    "svg.fonttype": "none",
    "svg.hashsalt": "fastfork",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
}

import matplotlib.pyplot as plt  # noqa: E402 - the backend is chosen first

OUR, OTHER, BARE = "#c2410c", "#64748b", "#cbd5e1"
CUT = 12
LINES = ("#0369a1", "#15803d", "#7c3aed", "#b45309", "#be185d", "#0f766e", "#4d7c0f", "#475569")


def color_of(server: str, turn: int = 0) -> str:
    """Return ours in ours, the floor pale, others in turn."""
    if server.startswith("fastfork"):
        return OUR
    return BARE if server.startswith("floor") else LINES[turn % len(LINES)]


def save(figure: Any, path: Path) -> str:
    """Write the SVG, and return it for the page."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    path.write_text(text)
    return text[text.index("<svg") :]


def bars(tables: list[Table], path: Path, *, title: str) -> str:
    """Draw horizontal bars, two panels a line, with whiskers from the best round to the worst.

    A bar is cut at CUT times the shortest one: its number stands beside it.
    """
    most = max(len(table.rows) for table in tables)
    across, down = min(2, len(tables)), (len(tables) + 1) // 2
    figure, panels = plt.subplots(
        down, across, figsize=(5.2 * across, (0.3 * most + 1.1) * down), squeeze=False
    )
    for panel in panels.flat[len(tables) :]:
        panel.set_axis_off()
    for panel, table in zip(panels.flat, tables, strict=False):
        rows = table.rows[::-1]
        longest = min(max(row.high for row in rows), CUT * min(row.main for row in rows)) or 1.0
        colors = [
            OUR if row.server in OURS else BARE if row.server.startswith("floor") else OTHER
            for row in rows
        ]
        spread = [[row.main - row.low for row in rows], [row.high - row.main for row in rows]]
        panel.barh([row.server for row in rows], [row.main for row in rows], color=colors)
        panel.errorbar(
            [row.main for row in rows],
            range(len(rows)),
            xerr=spread,
            fmt="none",
            ecolor="#0f172a",
            lw=0.8,
        )
        for at, row in enumerate(rows):
            panel.annotate(
                f" {row.main:,.0f}" if row.main >= 100 else f" {row.main:.3g}",
                (min(row.high, longest), at),
                va="center",
                fontsize=8,
                color="#334155",
            )
        panel.set_xlim(0, longest * 1.02)
        panel.set_title(table.title, fontsize=10)
        panel.set_xlabel(table.unit, fontsize=9)
        panel.tick_params(labelsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.tight_layout()
    return save(figure, path)


def medians(results: dict[str, Any], scenario: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return point -> server -> figure -> its median."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for sample in results["samples"]:
        if sample["scenario"] == scenario and "figures" in sample:
            of_server = found.setdefault(sample["point"], {}).setdefault(sample["server"], {})
            for key, value in sample["figures"].items():
                of_server.setdefault(key, []).append(value)
    return {
        point: {
            server: {key: median(values) for key, values in figures.items()}
            for server, figures in servers.items()
        }
        for point, servers in found.items()
    }


def lines(series: dict[str, list[tuple[float, float]]], path: Path, **how: Any) -> str:
    """Draw a curve for each server; *how*: title, x, y, and what is logarithmic."""
    figure, panel = plt.subplots(figsize=(6.4, 3.8))
    for turn, (server, points) in enumerate(series.items()):
        style: dict[str, Any] = {"lw": 2.4} if server.startswith("fastfork") else {"lw": 1.2}
        if server == "ideal":
            style = {"lw": 1.6, "ls": "--", "color": "#0f172a"}
        panel.plot(
            *zip(*points, strict=True),
            **{"color": color_of(server, turn), **style},
            marker=".",
            label=server,
        )
    panel.set_title(how["title"], fontsize=11)
    panel.set_xlabel(how["x"], fontsize=9)
    panel.set_ylabel(how["y"], fontsize=9)
    panel.set_xscale(how.get("x_scale", "linear"))
    panel.set_yscale(how.get("y_scale", "linear"))
    if ticks := how.get("ticks"):
        panel.set_xticks(list(ticks.values()), list(ticks))
    panel.minorticks_off()
    panel.grid(alpha=0.25)
    panel.legend(fontsize=8, frameon=False)
    return save(figure, path)


def tail(results: dict[str, Any], scenario: str, path: Path) -> str | None:
    """Draw the percentiles of waiting against the ideal."""
    points = {
        "50": "p50_ms",
        "75": "p75_ms",
        "90": "p90_ms",
        "95": "p95_ms",
        "99": "p99_ms",
        "99.9": "p999_ms",
    }
    found = [
        server for servers in medians(results, scenario).values() for server in servers.items()
    ]
    if not found:
        return None
    ours = dict(found).get("fastfork") or found[0][1]
    series: dict[str, list[tuple[float, float]]] = {
        "ideal": [(at, max(0.1, ours[f"ideal_{name}"])) for at, name in enumerate(points.values())]
    }
    for server, figures in found:
        series[server] = [(at, max(0.1, figures[name])) for at, name in enumerate(points.values())]
    return lines(
        series,
        path,
        title=results["scenarios"][scenario]["question"],
        x="percentile",
        y="waiting, ms",
        y_scale="log",
        ticks={name: at for at, name in enumerate(points)},
    )


def shares(results: dict[str, Any], path: Path) -> str | None:
    """Draw what the busiest worker got, the next one, and so on, by their fair share."""
    found = medians(results, "distribution").get("4 workers")
    if not found:
        return None
    figure, panel = plt.subplots(figsize=(6.4, 0.3 * len(found) + 1.4))
    for at, (_, figures) in enumerate(found.items()):
        for rank in range(4):
            panel.barh(
                at + 0.3 - 0.2 * rank, figures[f"share_{rank}"], height=0.18, color=LINES[rank]
            )
    panel.axvline(1, color="#0f172a", lw=0.8, ls="--")
    panel.set_yticks(range(len(found)), list(found), fontsize=8)
    panel.set_xlabel("connections by the fair share; the busiest of 4 workers above", fontsize=9)
    panel.set_title("Who gets new connections, one after the other", fontsize=11)
    return save(figure, path)


def growth(results: dict[str, Any], scenario: str, key: str, path: Path, **how: Any) -> str | None:
    """Draw how a figure grows with the number that each point's name begins with."""
    series: dict[str, list[tuple[float, float]]] = {}
    for point, servers in medians(results, scenario).items():
        for server, figures in servers.items():
            if key in figures:
                series.setdefault(server, []).append((float(point.split()[0]), figures[key]))
    return lines(series, path, **how) if series else None


def idle(results: dict[str, Any], key: str, path: Path, **how: Any) -> str | None:
    """Draw how a figure grows with idle connections."""
    series: dict[str, list[tuple[float, float]]] = {}
    for server, figures in medians(results, "idle").get("", {}).items():
        counts = sorted(int(name.rsplit("_", 1)[1]) for name in figures if name.startswith(key))
        series[server] = [(count, max(0.1, figures[f"{key}{count}"])) for count in counts]
    return lines(series, path, x="idle connections", x_scale="log", **how) if series else None

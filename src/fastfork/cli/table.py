"""A status as a table of text. Pure, but for what only this machine knows of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

HEADS = (
    "slot",
    "pid",
    "state",
    "age",
    "restarts",
    "conns",
    "running",
    "requests",
    "req/s",
    "p50",
    "p99",
    "RSS",
    "PSS",
    "CPU",
)

COLOURS = {"ready": "green", "busy": "yellow", "starting": "cyan", "stuck": "red", "down": "red"}
"""Of the states that a slot can have."""

_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "m"))


def duration(seconds: float) -> str:
    """Return how long something took or lasts: 12s, 5.0m, 3.1h, 2.0d."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f}{unit}"
    return f"{seconds:.0f}s"


def latency(seconds: float | None) -> str:
    """Return a time in milliseconds."""
    return (
        "-" if seconds is None else f"{seconds * 1000:.1f}ms" if seconds < 10 else f"{seconds:.0f}s"
    )


def size(octets: int | None) -> str:
    """Return an amount of memory."""
    return "-" if not octets else f"{octets / (1 << 20):.0f}M"


def proportional(pid: int | None) -> int | None:
    """Return the proportional octets of a process of this machine, None if that can't be known."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return None


def row(
    view: dict[str, Any], *, pss: Callable[[int | None], int | None] = proportional
) -> list[str]:
    """Return the cells of one slot."""
    return [
        str(view["slot"]),
        str(view["pid"] or "-"),
        view["state"],
        duration(view["age"]),
        str(view["restarts"]),
        str(view["connections"]),
        str(view["running"]),
        str(view["requests"]),
        f"{view['rate']:.1f}",
        latency(view["p50"]),
        latency(view["p99"]),
        size(view["rss"]),
        size(pss(view["pid"])),
        f"{view['cpu'] * 100:.0f}%",
    ]


def summary(status: dict[str, Any]) -> list[str]:
    """Return what there is to say of the server as a whole."""
    conns = ", ".join(
        f"{count} {name}".replace("_", " ") for name, count in status["connections"].items()
    )
    life = (
        f"{status['state']} for {duration(status['age'])}, generation {status['generation']},"
        f" pid {status['pid']}, fastfork {status['version']}"
    )
    load = (
        f"{status['requests']} requests, {status['rate']:.1f}/s,"
        f" p50 {latency(status['p50'])}, p99 {latency(status['p99'])},"
        f" p99 of waiting {latency(status['waited_p99'])}"
    )
    return [
        f"{status['name']}: {status['app']} on {', '.join(status['listeners'])}",
        life,
        load,
        f"connections: {conns}",
        *([_template(status["template"])] if status["template"] else []),
        *([_bus(status["broker"])] if status["broker"] else []),
    ]


def _template(view: dict[str, Any]) -> str:
    if view["pid"] is None:
        return f"template: none, workers import for themselves: {view['why']}"
    return f"template: pid {view['pid']}, {view['why'] or 'ready'}, {size(view['rss'])} resident"


def _bus(broker: dict[str, Any]) -> str:
    others = f"{broker['servers']} other server{'' if broker['servers'] == 1 else 's'}"
    now = (
        f"connected with {others}"
        if broker["is_up"]
        else f"AWAY ({broker['why']}), messages stay on this server"
    )
    return f"bus: {broker['url']}, {now}; {broker['carried']} sent across, {broker['lost']} lost"


def _coloured(cell: str) -> str:
    colour = COLOURS.get(cell.strip())
    return click.style(cell, fg=colour) if colour else cell


def lines_of(status: dict[str, Any]) -> list[str]:
    """Return the lines of `fastfork status`, with colours that `click.echo` takes away where none belong."""
    rows = [list(HEADS), *(row(view) for view in status["slots"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(_coloured(cell.rjust(width)) for cell, width in zip(cells, widths, strict=True))
        for cells in rows
    ]
    ends = [
        f"slot {view['slot']}, last end: {view['last_end'].partition(chr(10))[0]}"
        for view in status["slots"]
        if view["last_end"]
    ]
    lost = [f"{status['lines_lost']} log lines lost"] if status["lines_lost"] else []
    return [*summary(status), "", *table, *([""] if ends or lost else []), *ends, *lost]

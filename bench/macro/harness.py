"""Ask all servers all questions, in interleaved rounds: every raw result into one JSON, that into a report.

    python bench/macro/harness.py                      the whole: an hour
    python bench/macro/harness.py --quick              the headline: three minutes
    python bench/macro/harness.py --scenarios hello_kept waiting_kept --servers floor fastfork granian

Ctrl-C keeps what is done, and makes the report from it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drivers
from drivers import DRIVERS, HERE, Driver, Job
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from scenario import Figures, Refused, Scenario, free_port, load, serving

REPORT = HERE.parent / "report"
FAILURES = (Refused, OSError, ValueError, subprocess.SubprocessError)
QUICK = {"rounds": 3, "seconds": 0.6}
NOT_QUICK = ("pm2", "fastpysgi-asgi")
"""Left out of the quick table: the same engine as Node's cluster, and who takes 5 s to fail."""


def scenarios() -> dict[str, Scenario]:
    """Return all of scenarios/, by the names of their files; the headline comes first."""
    names = sorted(path.stem for path in (HERE / "scenarios").glob("*.py"))
    found = {name: importlib.import_module(f"scenarios.{name}").SCENARIO for name in names}
    return dict(sorted(found.items(), key=lambda one: not one[1].is_quick))


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One measurement that is to be made."""

    scenario: str
    point: str
    round: int
    driver: Driver
    job: dict[str, Any]


@dataclass(kw_only=True)
class Results:
    """What was measured, and where: the JSON."""

    environment: dict[str, str]
    servers: dict[str, dict[str, str]]
    scenarios: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    noise: list[dict[str, float]] = field(default_factory=list)
    """The floor, between rounds: what varies here is the machine."""

    def write(self, path: Path) -> None:
        """Replace the file, or leave it whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(vars(self), indent=1))
        fresh.replace(path)


def turns(
    chosen: dict[str, Scenario], names: list[str], *, rounds: int | None = None
) -> Iterator[Turn]:
    """Return all measurements in their order: A B C, A B C."""
    for name, scenario in chosen.items():
        for point, shape in scenario.points.items():
            for turn in range(rounds or scenario.rounds):
                for driver in (DRIVERS[one] for one in names):
                    job = {"app": scenario.app, **shape}
                    if fits(scenario, driver, job):
                        yield Turn(scenario=name, point=point, round=turn, driver=driver, job=job)


def fits(scenario: Scenario, driver: Driver, job: dict[str, Any]) -> bool:
    """Whether *driver* can be asked this."""
    if driver.kind not in scenario.kinds:
        return False
    if scenario.drivers and driver.name not in scenario.drivers:
        return False
    if driver.is_variant and driver.name not in (*scenario.drivers, *scenario.also):
        return False
    if job.get("websockets") and not driver.websockets:
        return False
    workers, threads = job.get("workers", 1), job.get("threads", 1)
    return driver.can(job["app"], kind=driver.kind, workers=workers, threads=threads)


def environment() -> dict[str, str]:
    """Say where this is."""
    cpu = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=HERE
    )
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True)
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": f"gcc {gcc.stdout.strip()}",
        "fastfork": revision.stdout.strip(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def measure(turn: Turn, scenario: Scenario, *, seconds: float) -> Figures:
    """Start the server, ask, stop it."""
    job = Job(port=free_port(), **turn.job)
    with serving(turn.driver, job, pinned=scenario.is_pinned) as server:
        return scenario.measure(server, seconds)


def patiently(turn: Turn, scenario: Scenario, *, seconds: float) -> Figures:
    """Measure; again when it fails: a machine that pauses for half a second is no property of a server."""
    try:
        return measure(turn, scenario, seconds=seconds)
    except FAILURES:
        return measure(turn, scenario, seconds=seconds)


def floor_now() -> list[dict[str, float]]:
    """Return what the floor does at this moment; nothing when the machine lets it do nothing."""
    try:
        with serving(DRIVERS["floor"], Job(port=free_port()), pinned=True) as server:
            figures = load(server, 0.4)
    except Refused:
        return []
    return [{"at": time.time(), "cpu_us": figures["cpu_us"], "rps": figures["rps"]}]


def run(
    todo: list[Turn], chosen: dict[str, Scenario], results: Results, path: Path, **how: Any
) -> None:
    """Make all measurements; what is done is in the file, whatever ends it."""
    console = Console()
    columns = (
        TextColumn("{task.description}", table_column=None),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    refused: set[tuple[str, str, str]] = set()
    last: tuple[str, str, int] | None = None
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        task = progress.add_task("", total=len(todo))
        for turn in todo:
            told = f"{turn.scenario} {turn.point}".strip()
            progress.update(task, description=f"{told}: {turn.driver.name}, round {turn.round + 1}")
            key = (turn.scenario, turn.point, turn.driver.name)
            if last != (last := (turn.scenario, turn.point, turn.round)):
                results.noise += floor_now()
            if key not in refused:
                sample = {
                    "scenario": key[0],
                    "point": key[1],
                    "server": key[2],
                    "round": turn.round,
                }
                scenario = chosen[turn.scenario]
                began = time.monotonic()
                try:
                    figures = patiently(turn, scenario, seconds=how["seconds"] or scenario.seconds)
                    took = round(time.monotonic() - began, 2)
                    results.samples.append({**sample, "figures": figures, "took_s": took})
                except FAILURES as why:
                    refused.add(key)
                    results.samples.append({**sample, "refused": f"{why}"})
                    console.print(f"{told}: no row for {turn.driver.name}: {why}", highlight=False)
                results.write(path)
            progress.advance(task)


def options(known: dict[str, Scenario]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenarios", nargs="+", choices=known, metavar="NAME")
    parser.add_argument("--servers", nargs="+", choices=DRIVERS, default=[*DRIVERS], metavar="NAME")
    parser.add_argument("--rounds", type=int, help="of each scenario; its own number by default")
    parser.add_argument("--seconds", type=float, help="of load in each round")
    parser.add_argument("--quick", action="store_true", help="the headline, in three minutes")
    parser.add_argument("--list", action="store_true", help="list scenarios and servers")
    parser.add_argument("--out", type=Path, default=REPORT, help="folder of the report")
    return parser.parse_args()


def main() -> None:
    """Measure and report."""
    known = scenarios()
    options_ = options(known)
    if options_.list:
        for name, scenario in known.items():
            print(f"{name:24}{scenario.question}")
        for driver in DRIVERS.values():
            print(f"{driver.name:24}{driver.how}")
        return
    names = options_.scenarios or [n for n, s in known.items() if s.is_quick or not options_.quick]
    chosen = {name: known[name] for name in names}
    rounds, seconds = options_.rounds, options_.seconds
    if options_.quick:
        rounds, seconds = rounds or int(QUICK["rounds"]), seconds or QUICK["seconds"]
        options_.servers = [name for name in options_.servers if name not in NOT_QUICK]
    absent = drivers.prepare()
    present = [n for n in options_.servers if n.removesuffix("-asgi").split("-")[0] not in absent]
    present = [n for n in present if n not in absent]
    results = Results(
        environment=environment(),
        servers={
            name: {
                "version": DRIVERS[name].version(),
                "how": DRIVERS[name].how,
                "kind": DRIVERS[name].kind,
            }
            for name in present
        }
        | {name: {"absent": why} for name, why in absent.items()},
        scenarios={
            name: {
                **{
                    key: getattr(s, key)
                    for key in ("question", "main", "unit", "shown", "kinds", "more")
                },
                "points": [*s.points],
            }
            for name, s in chosen.items()
        },
    )
    path = options_.out / "results.json"
    todo = [*turns(chosen, present, rounds=rounds)]
    try:
        run(todo, chosen, results, path, seconds=seconds)
    except KeyboardInterrupt:
        print(f"\nstopped: {len(results.samples)} of {len(todo)} are kept in {path}")
    results.write(path)
    report = HERE / "report.py"
    sys.exit(subprocess.run([sys.executable, str(report), str(path)]).returncode)


if __name__ == "__main__":
    main()

"""How much does a request cost under fastfork, its peers, and a bare C server? Medians and ratios.

Each server runs the same application with one worker on core 0, alone; wrk loads it from core 1. Rounds
are interleaved (A B C, A B C), so that a slow minute of the machine hits all. Read the ratios within one
table; absolute figures mean nothing elsewhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import servers
import tree

SCENARIOS: dict[str, list[str]] = {
    "keep-alive": [],
    "connection-per-request": ["-H", "Connection: close"],
}
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}  # in milliseconds


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one round of one server gave."""

    rps: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    failed: int


def load(port: int, *, seconds: int, options: list[str]) -> str:
    """Return what wrk says after *seconds* of load from core 1."""
    core = str(max(os.sched_getaffinity(0)))
    size = ["-t1", "-c40", f"-d{seconds}s", "--latency"]
    command = ["taskset", "-c", core, "wrk", *size, *options, f"http://127.0.0.1:{port}/"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def parse(report: str, *, cpu: float) -> Sample:
    """Read a wrk report."""

    def number(pattern: str) -> float:
        found = re.search(pattern, report)
        return float(found[1]) if found else 0.0

    def milliseconds(percentile: int) -> float:
        found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", report)
        return float(found[1]) * UNITS[found[2]] if found else float("nan")

    requests = max(1.0, number(r"(\d+) requests in"))
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report
    )
    return Sample(
        rps=number(r"Requests/sec:\s+([\d.]+)"),
        cpu_us=cpu / requests * 1e6,
        p50_ms=milliseconds(50),
        p99_ms=milliseconds(99),
        failed=(sum(map(int, errors.groups())) if errors else 0) + int(number(r"Non-2xx.*: (\d+)")),
    )


def measure(name: str, *, seconds: int, options: list[str]) -> Sample:
    """Start *name*, load it, stop it."""
    port = servers.free_port()
    core = min(os.sched_getaffinity(0))
    with servers.running(servers.COMMANDS[name](port, 1), port, core=core) as server:
        for _ in range(50):
            servers.verify(port)
        before = tree.cpu_seconds(server.pid)
        report = load(port, seconds=seconds, options=options)
        return parse(report, cpu=tree.cpu_seconds(server.pid) - before)


def table(scenario: str, results: dict[str, list[Sample]]) -> str:
    """Render the medians of one scenario, cheapest first."""

    def mid(name: str, of: Callable[[Sample], float]) -> float:
        return median(map(of, results[name]))

    columns = f"{'CPU us/req':>12}{'x floor':>9}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}"
    lines = [f"\n{scenario}", f"{'server':18}{'requests/s':>12}{columns}"]
    for name in sorted(results, key=lambda name: mid(name, lambda s: s.cpu_us)):
        cpu = mid(name, lambda s: s.cpu_us)
        ratio = f"{cpu / mid('floor', lambda s: s.cpu_us):.2f}" if "floor" in results else "-"
        lines.append(
            f"{name:18}{mid(name, lambda s: s.rps):12.0f}{cpu:12.1f}{ratio:>9}"
            f"{mid(name, lambda s: s.p50_ms):9.2f}{mid(name, lambda s: s.p99_ms):9.2f}"
            f"{sum(s.failed for s in results[name]):8d}"
        )
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument(
        "--servers", nargs="+", choices=servers.COMMANDS, default=[*servers.COMMANDS]
    )
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=[*SCENARIOS])
    return parser.parse_args()


def main() -> None:
    """Measure and print one table per scenario."""
    chosen = options()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian: apt install wrk)")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    servers.prepare()
    left_out: dict[str, str] = {}
    for scenario in chosen.scenarios:
        results: dict[str, list[Sample]] = {}
        for _ in range(chosen.rounds):
            for name in chosen.servers:
                if name in left_out:
                    continue
                try:
                    sample = measure(name, seconds=chosen.seconds, options=SCENARIOS[scenario])
                except RuntimeError as problem:
                    left_out[name] = str(problem)
                else:
                    results.setdefault(name, []).append(sample)
        print(table(scenario, results), flush=True)
    for name, why in left_out.items():
        print(f"{name}: {why}")


if __name__ == "__main__":
    main()

"""Does a change make a request dearer? Counts what can be counted, and compares it with budgets.toml.

More than 3 % over its budget fails, and is named; so does a count that has no budget though its surroundings
(a compiler, a Python) have some. Counts that hold for other surroundings only are skipped: there,
`--against REVISION` compares the instructions of two revisions on this machine. `--record` writes what was
counted, for the kinds that were chosen, with the date of today.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("budgets.toml")
ROOT = Path(__file__).parents[2]
SLACK = 0.03

Budgets = dict[str, dict[str, dict[str, list[object]]]]
"""kind -> surroundings -> what -> [figure, date]"""

HEAD = """\
# What a request may cost, by kind and surroundings: [figure, when it was recorded].
# python bench/micro/budgets.py says what it costs; with --record it writes this file.
"""


class Unknown(Exception):
    """There is no budget for these surroundings."""


def judge(
    counted: Mapping[str, float], budget: Mapping[str, list[object]], *, unit: str
) -> list[str]:
    """Return a line for each count that is more than 3 % over its budget, or has none."""
    lines = []
    for what, figure in counted.items():
        if what not in budget:
            lines.append(f"{what}: {figure:g} {unit}, and no budget: --record one")
            continue
        allowed, date = budget[what]
        assert isinstance(allowed, int | float)
        if figure > allowed * (1 + SLACK) + 1e-9:
            more = f"{figure / allowed - 1:+.1%}" if allowed else "more than none"
            lines.append(f"{what}: {figure:g} {unit}, {more}; the budget is {allowed:g} ({date})")
    return lines


def check(kind: str, surroundings: str, counted: Mapping[str, float], *, unit: str) -> list[str]:
    """Judge by budgets.toml; Unknown when it says nothing of these surroundings."""
    known = load()[kind]
    if surroundings not in known:
        raise Unknown(f"budgets of {kind} hold for {' / '.join(known)}; here is {surroundings}")
    return judge(counted, known[surroundings], unit=unit)


def load() -> Budgets:
    """Read budgets.toml."""
    found: Budgets = tomllib.loads(FILE.read_text())
    return found


def render(budgets: Budgets) -> str:
    """Return the text of budgets.toml."""
    lines = [HEAD]
    for kind, all_of_it in budgets.items():
        for surroundings, figures in all_of_it.items():
            lines.append(f"[{kind}.{json.dumps(surroundings)}]")
            lines += [f"{json.dumps(what)} = [{one[0]}, {one[1]}]" for what, one in figures.items()]
            lines.append("")
    return "\n".join(lines)


def record(kind: str, surroundings: str, counted: Mapping[str, float]) -> None:
    """Write what was counted into budgets.toml."""
    budgets: Budgets = load() if FILE.exists() else {}
    today = dt.datetime.now(dt.UTC).date()
    budgets.setdefault(kind, {})[surroundings] = {
        what: [round(figure, 3), today] for what, figure in counted.items()
    }
    FILE.write_text(render(budgets))


def against(revision: str) -> list[str]:
    """Judge the instructions of this tree by those of *revision*, compiled alike."""
    import counts

    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["git", "archive", revision, "ext/core"], cwd=ROOT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        _, before = counts.instructions(Path(folder) / "ext" / "core")
    _, now = counts.instructions()
    for what, figure in now.items():
        print(f"{what:28}{figure:10.1f}  {revision}: {before[what]:.1f}")
    return judge(now, {what: [was, revision] for what, was in before.items()}, unit="instructions")


def main() -> None:
    """Count, print and judge."""
    import counts

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(counts.KINDS)}; all by default")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--against", metavar="REVISION")
    chosen = parser.parse_args()
    if wrong := set(chosen.kinds) - set(counts.KINDS):
        parser.error(f"there is no kind {', '.join(sorted(wrong))}")
    failures = against(chosen.against) if chosen.against else []
    for kind in () if chosen.against else chosen.kinds or counts.KINDS:
        count, unit = counts.KINDS[kind]
        try:
            surroundings, counted = count()
            print(f"{kind}, {surroundings}")
            for what, figure in counted.items():
                print(f"    {what:28}{figure:10.3f} {unit}", flush=True)
            if chosen.record:
                record(kind, surroundings, counted)
            failures += check(kind, surroundings, counted, unit=unit)
        except (counts.Missing, Unknown) as why:
            print(f"{kind}: skipped: {why}")
    if failures:
        sys.exit("over budget:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()

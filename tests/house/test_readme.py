"""The READMEs say what holds now."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_follows_from_the_code_is_fresh() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]

    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)

    assert done.returncode == 0, done.stderr


def test_tests_that_the_core_names_exist() -> None:
    rules = [
        line
        for line in (ROOT / "ext" / "core" / "README.md").read_text().splitlines()
        if re.match(r"\| \d+ \|", line)
    ]
    named = {name for line in rules for name in re.findall(r"`(\w+)`", line.rpartition("| ")[2])}
    named = {name for name in named if name.count("_") > 2 and name.islower()}

    there = "".join(
        path.read_text()
        for path in (ROOT / "tests").rglob("test_*.*")
        if path.suffix in {".c", ".py"}
    )

    assert len(named) > 20
    assert {name for name in named if not re.search(rf"\b{name}\(|\({name}\)", there)} == set()

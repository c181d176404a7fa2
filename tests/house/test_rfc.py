"""The checklist of the RFCs names tests that exist, and the probe is as large as it claims."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

from probe import connection, fields, framing, line

TESTS = Path(__file__).parents[1]
CASES = line.CASES | fields.CASES | framing.CASES | connection.CASES
ROW = re.compile(r"\| (\d+) \| (\S+ \S+) \| (MUST|SHOULD|may|) ?\| .+ \| (.+) \|")


def rows() -> list[tuple[int, list[str]]]:
    """Return the number of each row, and the names that it gives."""
    lines = (TESTS / "wire" / "RFC.md").read_text().splitlines()
    found = [ROW.fullmatch(each) for each in lines if re.match(r"\| \d", each)]
    assert all(found)
    return [(int(row[1]), re.findall(r"`([^`]+)`", row[4])) for row in found if row]


def test_rows_are_numbered() -> None:
    assert [number for number, _ in rows()] == list(range(1, len(rows()) + 1))


def test_every_row_names_tests_that_exist() -> None:
    there = "".join(
        path.read_text() for path in TESTS.rglob("test_*.*") if path.suffix in {".c", ".py"}
    )

    def exists(name: str) -> bool:
        if "-" in name:
            return any(fnmatch(case, name) for case in CASES)
        return re.search(rf"def {name}\(|TEST\({name}\)", there) is not None

    named = rows()

    assert [number for number, names in named if not names] == []
    assert {name for _, names in named for name in names if not exists(name)} == set()


def test_probe_has_cases_of_each_level() -> None:
    levels = Counter(case.level for case in CASES.values())

    assert sum(levels.values()) >= 209
    assert levels["must"] >= 102
    assert levels["should"] >= 57
    assert levels["hardening"] >= 47

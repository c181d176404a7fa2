"""What the documentation shows is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from fix_pages import ROOT, Reader, blocks_of, commands_of, pattern_of

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_happens(page: Path, reader: Reader) -> None:
    reader.read(page.read_text())


def test_blocks_are_found_with_their_reasons() -> None:
    page = "a\n\n```console\n$ ls\n```\n\n*Not run by the tests: it needs Docker.*\n\n```yaml\na: 1\n```\n"

    found = [(block.language, block.text, block.line, block.is_run) for block in blocks_of(page)]

    assert found == [("console", "$ ls\n", 3, True), ("yaml", "a: 1\n", 9, False)]


def test_commands_have_what_they_show() -> None:
    session = "$ one \\\n    two\nout\n$ three\n"

    assert commands_of(session) == [("one \\\n    two", ["out"]), ("three", [])]


def test_pids_and_times_stand_for_any() -> None:
    pattern, pids = pattern_of("[2026-11-22 09:03:12 +0000] [4596] worker 1 (pid 4599) ...")

    import re

    assert pids == ["4599"]
    found = re.fullmatch(pattern, "[2031-01-02 19:03:12 +0200] [77] worker 3 (pid 81) started: a b")
    assert found is not None
    assert found.groups() == ("81",)

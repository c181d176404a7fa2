"""What the documentation shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from fix_pages import ROOT, Reader, blocks_of, commands_of, pattern_of

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_happens(page: Path, reader: Reader) -> None:
    reader.read(page.read_text())


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.stem not in {"gunicorn", "uvicorn", "node", "benchmarks"}],
    ids=lambda page: page.stem,
)
def test_options_and_targets_that_a_page_names_exist(page: Path) -> None:
    codes = re.findall(r"`([^`\n]+)`", page.read_text())
    options = {
        word
        for code in codes
        if ".py" not in code
        for word in re.findall(r"(?<!\S)--[a-z][a-z_-]+", code)
    }
    targets = {code.split()[1] for code in codes if code.startswith("make ")}
    makefile = (ROOT / "Makefile").read_text()

    assert options - known_options() == set()
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_exist(page: Path) -> None:
    codes = re.findall(r"`((?:bench|docs|examples|ext|src|tests)/[\w./-]+)", page.read_text())
    made = "bench/report"  # by make bench

    assert [code for code in codes if code != made and not (ROOT / code).exists()] == []


def known_options() -> set[str]:
    """Return every option of every command of `fastfork`."""
    from fastfork.cli import main

    found: set[str] = set()
    groups: list[click.Group] = [main]
    while groups:
        group = groups.pop()
        context = click.Context(group)
        for command in filter(
            None, (group.get_command(context, name) for name in group.list_commands(context))
        ):
            if isinstance(command, click.Group):
                groups.append(command)
            for parameter in command.params:
                found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def test_blocks_are_found_with_their_reasons() -> None:
    page = "a\n\n```console\n$ ls\n```\n\n*Not run by the tests: it needs Docker.*\n\n```yaml\na: 1\n```\n"

    found = [(block.language, block.text, block.line, block.is_run) for block in blocks_of(page)]

    assert found == [("console", "$ ls\n", 3, True), ("yaml", "a: 1\n", 9, False)]


def test_commands_have_what_they_show() -> None:
    session = "$ one \\\n    two\nout\n$ three\n"

    assert commands_of(session) == [("one \\\n    two", ["out"]), ("three", [])]


def test_pids_and_times_stand_for_any() -> None:
    pattern, pids = pattern_of("[2026-11-22 09:03:12 +0000] [4596] worker 1 (pid 4599) ...")

    assert pids == ["4599"]
    found = re.fullmatch(pattern, "[2031-01-02 19:03:12 +0200] [77] worker 3 (pid 81) started: a b")
    assert found is not None
    assert found.groups() == ("81",)

"""What the workflows do can be done here: each of their commands is a task of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TASKS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_a_task(path: Path) -> None:
    text = path.read_text()
    # A matrix of tasks is named where it stands.
    named = [task for tasks in re.findall(r"task: \[(.*)\]", text) for task in tasks.split(", ")]

    commands = re.findall(r"run: (.*)", text)

    assert {command.partition(" ")[0] for command in commands} <= {"make"}
    words = {command.split(" ")[1] for command in commands} - {'"$TASK"'}
    assert words | set(named) <= TASKS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_jobs_end_and_nothing_is_permitted_by_default(path: Path) -> None:
    text = path.read_text()

    pinned = re.findall(r"uses: [\w/-]+@[0-9a-f]{40} # v[\d.]+$", text, re.MULTILINE)

    assert len(pinned) == text.count("uses: ")
    assert text.count("timeout-minutes: ") == text.count("runs-on: ")
    assert "\npermissions: {}\n" in text


def test_news_have_names_that_end_up_in_the_changelog() -> None:
    news = {path.name for path in (ROOT / ".github" / "news").iterdir()} - {"README.md"}
    kind = re.compile(r"(\d+|\+[\w-]+)\.(added|changed|fixed|removed|security)\.md")

    assert [name for name in news if not kind.fullmatch(name)] == []

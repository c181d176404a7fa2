"""When a log file is full, and which old ones go."""

from __future__ import annotations

import gzip
import os
import re
import time
from pathlib import Path

import pytest

from fastfork.log import Log, LogFile
from fastfork.settings import Settings
from fastfork.supervisor.rotation import Rotation, Rule, old_names, surplus
from fix_processes import wait_until

DAY = 86_400.0


@pytest.mark.parametrize(
    ("rule", "size", "begun", "now", "is_due"),
    [
        (Rule(), 1 << 30, 0.0, 1e9, False),
        (Rule(size=100), 99, 0.0, 1e9, False),
        (Rule(size=100), 100, 0.0, 0.0, True),
        (Rule(age=DAY), 1, 0.0, DAY - 1, False),
        (Rule(age=DAY), 1, DAY - 1, DAY, True),
        (Rule(age=DAY), 0, 0.0, 5 * DAY, False),
        (Rule(size=100, age=DAY), 100, 0.0, 1.0, True),
        (Rule(size=100, age=DAY), 1, 0.0, DAY, True),
    ],
)
def test_file_is_renamed_when_it_is_large_or_of_another_day(
    rule: Rule, size: int, begun: float, now: float, is_due: bool
) -> None:
    assert rule.is_due(size=size, begun=begun, now=now) is is_due


def test_old_files_are_those_of_this_log_the_oldest_first() -> None:
    names = [
        "log",
        "log.20260102-000000",
        "log.20260101-000000.gz",
        "log.1",
        "log.20260101-000000.gz.part",
        "error-log.20260101-000000",
        "log.other.20260101-000000",
    ]

    assert old_names("log", names) == ["log.20260101-000000.gz", "log.20260102-000000"]


@pytest.mark.parametrize(("keep", "gone"), [(0, []), (1, ["a", "b"]), (3, []), (9, [])])
def test_the_oldest_go_when_there_are_too_many(keep: int, gone: list[str]) -> None:
    assert surplus(["a", "b", "c"], keep=keep) == gone


class Desk:
    """A log file with its rotation, looked at as often as wanted."""

    def __init__(self, folder: Path, **settings: int | bool) -> None:
        self.folder = folder
        self.file = LogFile(str(folder / "log"), setting="access_logfile", dash=1)
        self.rotation = Rotation(
            Settings(app="x", log_max_size=1, **settings),  # type: ignore[arg-type]
            [self.file],
            log=Log(self.file),
        )

    def fill(self, letter: str) -> None:
        """Write more than a file holds."""
        self.file.write(letter * (1 << 20) + "\n")

    def look(self) -> bool:
        """Look now; reopen what was renamed."""
        self.rotation._next = 0.0
        is_renamed = self.rotation.look([])
        if is_renamed:
            self.file.reopen()
        return is_renamed

    def old(self) -> list[str]:
        """Return the names of the other files."""
        return sorted(name for name in os.listdir(self.folder) if name != "log")

    def close(self) -> None:
        """End it."""
        self.rotation.close()
        self.file.close()


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each rotated file a stamp of its own."""
    stamps = iter(f"20260101-00000{i}" for i in range(10))
    monkeypatch.setattr(time, "strftime", lambda form: next(stamps))


def test_full_file_is_renamed_and_a_new_one_begun(tmp_path: Path) -> None:
    desk = Desk(tmp_path)

    before = desk.look()
    desk.fill("a")
    is_renamed = desk.look()
    desk.file.write("b\n")

    (old,) = desk.old()
    assert (before, is_renamed) == (False, True)
    assert re.fullmatch(r"log\.\d{8}-\d{6}", old)
    assert (tmp_path / "log").read_text() == "b\n"
    assert (tmp_path / old).read_text()[:2] == "aa"
    desk.close()


def test_old_files_are_compressed_and_the_oldest_removed(tmp_path: Path, ticking: None) -> None:
    desk = Desk(tmp_path, log_keep=2, log_compress=True)

    for letter in "abc":
        desk.fill(letter)
        assert desk.look()
    wait_until(
        lambda: (
            not desk.look() and desk.old() == ["log.20260101-000001.gz", "log.20260101-000002.gz"]
        )
    )

    with gzip.open(tmp_path / "log.20260101-000002.gz", "rt") as old:
        assert old.read() == "c" * (1 << 20) + "\n"
    desk.close()


def test_file_that_somebody_still_writes_to_is_not_compressed(
    tmp_path: Path, ticking: None
) -> None:
    desk = Desk(tmp_path, log_compress=True)
    desk.fill("a")
    desk.rotation._next = 0.0
    assert desk.rotation.look([])

    assert not desk.look()  # this process has not reopened
    is_held = desk.old()
    desk.file.reopen()
    wait_until(lambda: not desk.look() and desk.old() == ["log.20260101-000000.gz"])

    assert is_held == ["log.20260101-000000"]
    desk.close()


def test_nothing_is_looked_after_without_a_limit(tmp_path: Path) -> None:
    file = LogFile(str(tmp_path / "log"), setting="access_logfile", dash=1)

    assert Rotation(Settings(app="x"), [file], log=Log(file)).next_look() is None
    file.close()


def test_pipes_and_devices_are_left_alone() -> None:
    file = LogFile("/dev/null", setting="access_logfile", dash=1)
    settings = Settings(app="x", log_max_size=1)

    assert Rotation(settings, [file], log=Log(file)).next_look() is None
    file.close()

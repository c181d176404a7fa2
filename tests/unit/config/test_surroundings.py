"""Directory and variables: entered for an application, entered again, put back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastfork.config.sources import resolve
from fastfork.config.surroundings import Start, Surroundings


@pytest.fixture(autouse=True)
def here(tmp_path: Path) -> Iterator[Path]:
    """Give the current directory, and put everything back at the end."""
    before = Surroundings()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "current").symlink_to("one")
    os.chdir(tmp_path / "current")
    os.environ["PWD"] = str(tmp_path / "current")
    yield tmp_path
    before.restore()
    before.close()


def move(here: Path) -> None:
    """Let the link lead elsewhere."""
    (here / "current").unlink()
    (here / "current").symlink_to("two")


def test_link_to_the_start_is_followed_again_also_for_imports(here: Path) -> None:
    sys.path.insert(0, str(here / "one"))
    start = Start()

    move(here)
    start.enter_again()

    assert os.getcwd() == str(here / "two")
    assert sys.path[0] == str(here / "two")


def test_variables_of_the_settings_are_taken_back_and_no_others(here: Path) -> None:
    os.environ |= {"OLD": "of the caller", "NOTIFY_SOCKET": "taken by the master"}
    start = Start()
    start.enter(resolve({"app": "shop", "env": ("OLD=ours", "NEW=ours")}, {}))
    del os.environ["NOTIFY_SOCKET"]

    start.enter_again()

    assert os.environ["OLD"] == "of the caller"
    assert "NEW" not in os.environ
    assert "NOTIFY_SOCKET" not in os.environ


def test_what_was_there_is_put_back_although_its_path_leads_elsewhere(here: Path) -> None:
    start = Start()
    before = Surroundings()

    move(here)
    start.enter_again()
    start.enter(resolve({"app": "shop", "env": ("NEW=ours",)}, {}))
    before.restore()
    before.close()

    assert os.getcwd() == str(here / "one")
    assert "NEW" not in os.environ

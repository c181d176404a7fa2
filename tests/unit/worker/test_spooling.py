"""Where large bodies wait."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from fastfork.errors import StartError
from fastfork.settings import Settings
from fastfork.worker.spooling import room_for_bodies


def settings(**values: object) -> Settings:
    """Return settings with *values*."""
    return Settings(app="a:b", **values)  # type: ignore[arg-type] # what is wrong is what is tested


def test_usual_directory_is_for_whom_no_other_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert room_for_bodies(settings()) == (1 << 30, str(tmp_path))


def test_directory_of_the_settings_is_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("spool")

    assert room_for_bodies(settings(spool_dir="spool")) == (1 << 30, str(tmp_path / "spool"))


def test_nothing_is_kept_where_nothing_may_be() -> None:
    assert room_for_bodies(settings(max_spool=0, spool_dir="/nowhere")) == (0, "")


def test_nothing_is_kept_on_a_machine_that_can_only_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_none() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("fastfork.worker.spooling.gettempdir", find_none)

    assert room_for_bodies(settings()) == (0, "")


def test_directory_that_is_none_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match="spool_dir"):
        room_for_bodies(settings(spool_dir=str(tmp_path / "file")))

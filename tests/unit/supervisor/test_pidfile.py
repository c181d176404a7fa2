"""The file that holds the master's pid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastfork.errors import ConfigError, StartError
from fastfork.supervisor.pidfile import PidFile


def ended_process() -> int:
    """Return the pid of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_pid_is_written_and_removed(tmp_path: Path) -> None:
    pidfile = PidFile(str(tmp_path / "pid"))

    pidfile.write()
    text = (tmp_path / "pid").read_text()
    pidfile.remove()

    assert text == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_file_of_a_live_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{os.getppid()}\n")

    with pytest.raises(StartError, match=f"names process {os.getppid()}, which is running"):
        PidFile(str(tmp_path / "pid")).write()


@pytest.mark.parametrize("text", ["", "nonsense", "-1\n", "99999999999\n"])
def test_file_without_a_possible_pid_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)

    PidFile(str(tmp_path / "pid")).write()

    assert (tmp_path / "pid").read_text() == f"{os.getpid()}\n"


@pytest.mark.slow
def test_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(f"{ended_process()}\n")

    PidFile(str(tmp_path / "pid")).write()

    assert (tmp_path / "pid").read_text() == f"{os.getpid()}\n"


def test_file_that_another_process_took_over_stays(tmp_path: Path) -> None:
    pidfile = PidFile(str(tmp_path / "pid"))
    pidfile.write()
    (tmp_path / "pid").write_text("1\n")

    pidfile.remove()

    assert (tmp_path / "pid").read_text() == "1\n"


def test_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    PidFile(str(tmp_path / "pid")).remove()

    assert list(tmp_path.iterdir()) == []


def test_missing_directory_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pid: can't write"):
        PidFile(str(tmp_path / "no" / "pid")).write()

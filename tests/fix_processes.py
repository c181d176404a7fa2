"""No process outlives the test that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

WITHIN = 20.0

T = TypeVar("T")


def wait_until(fact: Callable[[], T], *, within: float = WITHIN) -> T:
    """Return the first true value of *fact*; fail if there is none *within* seconds."""
    deadline = time.monotonic() + within
    while not (value := fact()):
        assert time.monotonic() < deadline, f"not true within {within:g} s: {fact}"
        time.sleep(0.005)
    return value


def processes_of(session: int) -> list[int]:
    """Return the processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of a process; none when it has ended."""
    listing, before = "", None
    while listing != before:  # the kernel leaves one out when another ends meanwhile: proc(5)
        before = listing
        try:
            listing = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:
            return []
    return [int(child) for child in listing.split()]


def name_of(pid: int) -> str:
    """Return what tools call a process; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_asleep(pid: int) -> bool:
    """Is it waiting?"""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return False
    return fields[0] == "S"


class Sessions:
    """Starts processes, each in a session of its own, so that its descendants can be found."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: list[str], *, cwd: Path, log: Path, **env: str
    ) -> subprocess.Popen[bytes]:
        """Start *command* in *cwd*, with *env* besides ours; what it prints goes to *log*."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what still runs; fail if a process was left by one that had ended."""
        left = []
        for process in self._started:
            if process.poll() is not None:
                left += processes_of(process.pid)
            for pid in processes_of(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        assert not left, f"processes left running: {left}"


@pytest.fixture(scope="session")
def lasting_sessions() -> Iterator[Sessions]:
    """Give processes that many tests share."""
    sessions = Sessions()
    yield sessions
    sessions.end()


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    """Give processes for one test."""
    sessions = Sessions()
    yield sessions
    sessions.end()

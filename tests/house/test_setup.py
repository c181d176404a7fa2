"""Who builds where it can't be built is told what is missing, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What setup.py imports knows the real machine by then.
DARWIN = "import sys, Cython.Build, setuptools.command.build_ext; sys.platform = 'darwin'"
RUN = "import runpy, sys; sys.argv = ['setup.py', {command!r}]; runpy.run_path('setup.py')"


def setup(
    command: str, *, where: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run setup.py on a machine that the code *where* makes."""
    code = f"{where}\n{RUN.format(command=command)}"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("where", "env", "told"),
    [
        (DARWIN, {}, "fastfork needs Linux (epoll,"),
        ("", {"CC": "no-such-cc -pipe"}, "there is no C compiler (no-such-cc): install one"),
        ("import sysconfig; sysconfig.get_path = lambda _: '/no'", {}, "there is no /no/Python.h"),
    ],
    ids=["not Linux", "no compiler", "no headers"],
)
@pytest.mark.parametrize("command", ["bdist_wheel", "build_ext"])
def test_what_is_missing_is_told_in_one_line(
    command: str, where: str, env: dict[str, str], told: str
) -> None:
    done = setup(command, where=where, env=env)

    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_metadata_can_be_had_anywhere() -> None:
    done = setup("--version", where=DARWIN)

    assert (done.returncode, done.stdout.strip()[:2]) == (0, "0."), done.stderr

"""Steering servers: a place for their control sockets, and the commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


class Desk:
    """A folder that control sockets are looked for in, and no other server's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "one.sock"

    @property
    def options(self) -> list[str]:
        """What a server is started with, so that `socket` is its own."""
        return ["--control-socket", str(self.socket)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command for that server; return what it said."""
        return self.search(*words, "--control-socket", str(self.socket))

    def search(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that looks for its server in the folder."""
        return subprocess.run(
            [sys.executable, "-m", "fastfork", *words],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)},
        )


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give a folder with a short name: the path of a socket has 107 octets at most."""
    with tempfile.TemporaryDirectory(prefix="ff-") as folder:
        yield Desk(Path(folder))

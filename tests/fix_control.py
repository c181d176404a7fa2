"""Steering servers: a place for their control sockets, and the commands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fix_cluster import Cluster
from fix_wire import Response, Wire, get

ADMIN = ["--admin", "127.0.0.1:0"]


class Office:
    """The admin address of a server."""

    def __init__(self, server: Cluster) -> None:
        url = re.findall(r"Admin at: (?:http://)?(\S+)", server.log)[0]
        self.address = url.removeprefix("unix:") if url.startswith("unix:") else url

    def connect(self) -> Wire:
        """Return a connection."""
        if self.address.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.address)
        else:
            host, _, port = self.address.rpartition(":")
            sock = socket.create_connection((host, int(port)))
        sock.settimeout(20)
        return Wire(sock)

    def ask(self, path: str, method: str = "GET") -> Response:
        """Return the answer of a page."""
        wire = self.connect()
        try:
            return wire.send(get(path, method=method)).read_response(to_head=method == "HEAD")
        finally:
            wire.close()

    def metrics(self) -> dict[str, float]:
        """Return the samples by name and labels, as in up{slot="1"}."""
        text = self.ask("/metrics").body.decode()
        return {
            f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


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


@pytest.fixture(scope="session", autouse=True)
def runtime_folder() -> Iterator[None]:
    """Let no server of a test leave its control socket where those of this machine stand."""
    with tempfile.TemporaryDirectory(prefix="ff-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        yield

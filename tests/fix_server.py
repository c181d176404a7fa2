"""Real servers: `fastfork serve` on a free port."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from fix_fds import open_fds
from fix_processes import Sessions, children_of, is_asleep, name_of, processes_of, wait_until

APPS = Path(__file__).parent / "apps"


class Server:
    """A running `fastfork serve`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = ""
        self._fds_at_start = 0

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text()

    @property
    def workers(self) -> list[int]:
        """The pids of the workers that run now."""
        gone_or_none = ("", "ff-template")
        return [pid for pid in children_of(self.process.pid) if name_of(pid) not in gone_or_none]

    @property
    def template(self) -> int | None:
        """The process that workers are forked from."""
        found = [pid for pid in children_of(self.process.pid) if name_of(pid) == "ff-template"]
        return found[-1] if found else None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def connect(self) -> socket.socket:
        """Return a new connection."""
        if self.url.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.url.removeprefix("unix:"))
        else:
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(20)
        return sock

    def wait_for_start(self) -> None:
        """Wait until it listens; fail, with what it said, if it ends instead."""
        wait_until(
            lambda: "Listening at: " in self.log or self.process.poll() is not None, within=50
        )  # a framework's imports, with ASan
        found = re.search(r"Listening at: (?:http://)?(\S+)", self.log)
        assert found, f"it did not start:\n{self.log}"
        self.url = found[1]
        # A worker says that it can serve before its loop runs, and that opens some more.
        wait_until(lambda: all(map(is_asleep, self.workers)))
        self._fds_at_start = self._count_fds()

    def wait_for_log(self, text: str) -> None:
        """Wait until it has written *text*."""
        wait_until(lambda: text in self.log)

    def stop(self) -> int:
        """Check that no descriptor was lost, drain it and return its exit code."""
        if self.process.poll() is None:
            wait_until(lambda: self._count_fds() <= self._fds_at_start)
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert processes_of(self.process.pid) == []
        return code

    def _count_fds(self) -> int:
        return sum(len(open_fds(pid)) for pid in (self.process.pid, *self.workers))


class Serve(Protocol):
    """Starts a server of an application in tests/apps, with options of `fastfork serve`."""

    def __call__(self, app: str, *options: str, workers: int = 1) -> Server:
        """Return it when it listens."""


class _Servers:
    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self._sessions = sessions
        self._folder = folder
        self._servers: list[Server] = []

    def start(self, app: str, *options: str, workers: int = 1) -> Server:
        log = self._folder / f"server-{len(self._servers)}.log"
        command = [sys.executable, "-m", "fastfork", "serve", app, "-w", str(workers)]
        if "--bind" not in options:
            command += ["--bind", "127.0.0.1:0"]
        process = self._sessions.start([*command, *options], cwd=APPS, log=log)
        server = Server(process, log)
        server.wait_for_start()
        self._servers.append(server)
        return server

    def stop(self) -> None:
        assert [server.stop() for server in self._servers] == [0] * len(self._servers)


@pytest.fixture
def serve(sessions: Sessions, tmp_path: Path) -> Iterator[Serve]:
    """Give servers for one test, which may break them if it waits for their end."""
    servers = _Servers(sessions, tmp_path)
    yield servers.start
    servers.stop()


@pytest.fixture(scope="session")
def shared(lasting_sessions: Sessions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Give servers that many tests use: the same one for the same arguments."""
    servers = _Servers(lasting_sessions, tmp_path_factory.mktemp("shared"))
    known: dict[tuple[str, ...], Server] = {}

    def start(app: str, *options: str, workers: int = 1) -> Server:
        key = (app, str(workers), *options)
        if key not in known:
            known[key] = servers.start(app, *options, workers=workers)
        return known[key]

    yield start
    servers.stop()

"""Services that servers work with, started for one test on a place of their own: Redis."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fix_processes import Sessions, wait_until


def program(name: str, package: str) -> str:
    """Return the path of a program; fail, with what to install, if there is none."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail(f"this test needs {name}: apt-get install {package} (.ci/run does it)")
    return path


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Redis:
    """A redis-server that keeps nothing on disk and can be broken and brought back."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self._sessions = sessions
        self._folder = folder
        self._program = program("redis-server", "redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/3"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = self._sessions.start(
            command, cwd=self._folder, log=self._folder / "redis.log"
        )
        wait_until(lambda: self.ask("PING") == "+PONG")

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it answer nobody, until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it, if it runs."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def ask(self, *words: str) -> str:
        """Return the first line of its answer to a command in our database; "" if it does not run."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
                sock.sendall((f"SELECT 3\r\n{' '.join(words)}\r\n").encode())
                answers = sock.makefile("rb")
                answers.readline()
                return answers.readline().decode().strip()
        except OSError:
            return ""


@pytest.fixture
def redis(sessions: Sessions, tmp_path: Path) -> Iterator[Redis]:
    """Give a redis-server for one test."""
    server = Redis(sessions, tmp_path)
    yield server
    server.end()

"""Programs that fork workers with `fastfork.cluster`: written down by a test, run, and read."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

import pytest

from fix_processes import Sessions, children_of, processes_of, wait_until
from fix_wire import Wire, get

PREFACE = """
import os, signal, sys, threading, time
from fastfork import cluster

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{cluster.worker.id} {cluster.worker.slot} {os.getpid()}".encode()]
"""


class Play:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def pid(self) -> int:
        """The primary."""
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        """The pids of its children."""
        return children_of(self.pid)

    @property
    def lines(self) -> list[str]:
        """What all its processes have said."""
        return self._log.read_text().splitlines()

    def said(self, line: str) -> bool:
        """Whether somebody has said exactly this."""
        return line in self.lines

    def wait_for(self, line: str) -> None:
        """Wait until somebody says exactly this."""
        wait_until(lambda: self.said(line) or self.process.poll() is not None)
        assert self.said(line), self.lines

    def port(self) -> int:
        """Return the port that `listening PORT` says."""
        wait_until(lambda: re.search(r"^listening \d+$", "\n".join(self.lines), re.MULTILINE))
        return int(next(line for line in self.lines if line.startswith("listening ")).split()[1])

    def connect(self) -> Wire:
        """Return a new connection."""
        import socket

        sock = socket.create_connection(("127.0.0.1", self.port()), timeout=20)
        return Wire(sock)

    def ask(self, path: str = "/") -> list[int]:
        """Return id, slot and pid of who answers a new connection."""
        wire = self.connect()
        try:
            response = wire.send(get(path, "Connection: close")).read_response()
        finally:
            wire.close()
        assert response.status == 200, response
        return [int(word) for word in response.body.split()]

    def end(self, code: int = 0, *, by: signal.Signals | None = None) -> list[str]:
        """Wait until it has ended with *code*, *by* a signal if it is to be told; return its lines."""
        if by is not None:
            self.process.send_signal(by)
        assert self.process.wait(20) == code, self.lines
        wait_until(lambda: processes_of(self.pid) == [])
        return self.lines


class Stage:
    """Where programs are written down and run."""

    def __init__(self, sessions: Sessions, folder: Path) -> None:
        self._sessions = sessions
        self._folder = folder
        self._count = 0

    def __call__(self, primary: str, worker: str = "", *, before: str = "", **env: str) -> Play:
        """Run a program of what its primary and its worker do; the primary ends with cluster.run()."""
        lines = [PREFACE, dedent(before), "if cluster.is_primary:"]
        lines += [indent(dedent(primary), "    "), "    cluster.run()", "else:"]
        lines += [indent(dedent(worker) or "pass", "    ")]
        return self.run("\n".join(lines), **env)

    def run(self, text: str, **env: str) -> Play:
        """Run a program as it stands."""
        self._count += 1
        path = self._folder / f"play{self._count}.py"
        path.write_text(text)
        log = self._folder / f"play{self._count}.log"
        process = self._sessions.start(
            [sys.executable, str(path)], cwd=self._folder, log=log, **env
        )
        return Play(process, log)


@pytest.fixture
def play(sessions: Sessions, tmp_path: Path) -> Stage:
    """Give a stage for one test."""
    return Stage(sessions, tmp_path)


@pytest.fixture
def serving(play: Stage) -> Iterator[Play]:
    """Give a cluster of two that serve, fork anew at each end, and end by SIGTERM."""
    running = play(
        """
        for _ in range(2):
            cluster.fork()
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.on("exit", lambda w, code, signal: say("exit", w.id, code, signal))
        cluster.on("exit", lambda w, code, signal: cluster.fork())
        """,
        'cluster.serve(app, "127.0.0.1:0")',
    )
    wait_until(lambda: len([line for line in running.lines if line.startswith("listening")]) == 2)
    yield running
    running.end(by=signal.SIGTERM)

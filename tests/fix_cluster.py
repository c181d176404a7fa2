"""Servers that tests break: any application, any way to start, any end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from fix_fds import open_fds
from fix_processes import Sessions, is_asleep, processes_of, wait_until
from fix_server import APPS, Server
from fix_wire import Wire, get

# Deaths in a row earn a worker up to 15 s of waiting; where that is not the question, it waits for none.
EAGER = [
    sys.executable,
    "-c",
    "from fastfork.supervisor import restart as r; r._CAP = 0.0; import fastfork.cli as c; c.main()",
]


class Answer(NamedTuple):
    """What the application `process` says of the worker that runs it."""

    slot: int
    pid: int


class Cluster(Server):
    """A server with what is needed to break it and to see that it mended."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        super().__init__(process, log)
        self.exit_code = 0
        """What the process is expected to end with."""
        self.fds_of_rest = 0
        """What the master has open without a connection."""

    def wait_for_start(self) -> None:
        """Wait until it listens; fail, with what it said, if it ends instead."""
        super().wait_for_start()
        self.fds_of_rest = len(open_fds(self.pid))

    @property
    def path_of_log(self) -> Path:
        """Where it writes its log."""
        return self._log

    @property
    def pid(self) -> int:
        """The master."""
        return self.process.pid

    def worker_in(self, slot: int) -> int:
        """Return the pid of the worker that was started last in *slot*."""
        return int(re.findall(rf"worker {slot} \(pid (\d+)\) started", self.log)[-1])

    def replace(self, slot: int, *, by: signal.Signals = signal.SIGKILL) -> int:
        """End the worker in *slot* by a signal; return the pid of the next one when it serves."""
        before = self.worker_in(slot)
        os.kill(before, by)
        wait_until(lambda: self.worker_in(slot) != before)
        return self.worker_in(slot)

    def ask(self, path: str = "/") -> bytes:
        """Return the body of an answer on a new connection."""
        wire = Wire(self.connect())
        try:
            return wire.send(get(path, "Connection: close")).read_response().body
        finally:
            wire.close()

    def who(self) -> Answer:
        """Return which worker answers a new connection."""
        return answer(self.ask())

    def wait_for_turns(self, workers: int, rounds: int) -> None:
        """Wait until new connections have gone to slots 0 to *workers* - 1 in turn, so many rounds in a row.

        A worker that gets no CPU for some ms is passed over, which breaks a row on a busy machine.
        """

        def in_turn() -> bool:
            first = self.who().slot
            turns = [(first + step) % workers for step in range(1, workers * rounds)]
            return all(self.who().slot == slot for slot in turns)

        wait_until(in_turn)

    def worker_at(self, gate: Gate) -> int:
        """Return the worker whose request stands at *gate*."""
        gate.wait_for_request()
        return wait_until(
            lambda: next((w for w in self.workers if str(gate.path) in open_fds(w).values()), 0)
        )

    def wait_for_rest(self) -> None:
        """Wait until every worker sleeps: its last answer is out, and all that comes after it done."""
        wait_until(lambda: all(is_asleep(pid) for pid in self.workers))

    def master_fds(self) -> list[str]:
        """Return what the master has open, without the numbers that differ each time."""
        return sorted(re.sub(r"\[\d+\]", "", what) for what in open_fds(self.pid).values())

    def wait_for_end(self) -> int:
        """Return the exit code of the master, when no process of the server is left."""
        code = self.process.wait(20)
        wait_until(lambda: not processes_of(self.pid))
        return code


def resident(pid: int) -> int:
    """Return the resident memory of a process in octets."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def answer(body: bytes) -> Answer:
    """Return what the application `process` said."""
    slot, pid = body.split()
    return Answer(int(slot), int(pid))


class Gate:
    """A request that is inside the application for as long as the test wants."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = -1
        os.mkfifo(path)

    def url(self, route: str = "/gate") -> str:
        """The path to ask for."""
        return f"{route}?path={self.path}"

    def wait_for_request(self) -> None:
        """Wait until a request stands at the gate."""
        wait_until(self._is_reached)

    def open(self) -> None:
        """Let the request that stands there, or comes, go on."""
        self.wait_for_request()
        self.close()

    def close(self) -> None:
        """Close our end."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def _is_reached(self) -> bool:
        if self._writer >= 0:
            return True
        try:
            self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            return False
        return True


class Start(Protocol):
    """Starts a server; options as `fastfork serve` has them."""

    def __call__(
        self,
        app: str = "process:app",
        *options: str,
        workers: int = 2,
        cwd: Path = APPS,
        env: dict[str, str] | None = None,
        command: list[str] | None = None,
        is_up: bool = True,
    ) -> Cluster:
        """Return it when it listens, or at once if it will not come *is_up*."""


@pytest.fixture
def start(sessions: Sessions, tmp_path: Path) -> Iterator[Start]:
    """Give servers for one test; each must end with its `exit_code` and leave nothing behind."""
    clusters: list[Cluster] = []

    def begin(
        app: str = "process:app",
        *options: str,
        workers: int = 2,
        cwd: Path = APPS,
        env: dict[str, str] | None = None,
        command: list[str] | None = None,
        is_up: bool = True,
    ) -> Cluster:
        log = tmp_path / f"cluster-{len(clusters)}.log"
        words = [*(command or [sys.executable, "-m", "fastfork"]), "serve", app, *options]
        if "-w" not in options and not env:
            words += ["-w", str(workers)]
        if "-b" not in options and not env:
            words += ["-b", "127.0.0.1:0"]
        process = sessions.start(words, cwd=cwd, log=log, **(env or {}))
        cluster = Cluster(process, log)
        clusters.append(cluster)
        if is_up:
            cluster.wait_for_start()
        return cluster

    yield begin
    for cluster in clusters:
        cluster.process.terminate()
        assert cluster.wait_for_end() == cluster.exit_code, cluster.log


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[], Gate]]:
    """Give gates, which are closed when the test ends."""
    gates: list[Gate] = []

    def make() -> Gate:
        gates.append(Gate(tmp_path / f"gate-{len(gates)}"))
        return gates[-1]

    yield make
    for one in gates:
        one.close()

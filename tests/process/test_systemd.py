"""Under a service manager: its sockets, and what it is told. A socket of the test plays systemd."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start
from fix_fds import open_fds
from fix_processes import wait_until

# Does what systemd does between fork and exec: sockets from 3 on, and LISTEN_PID.
ACTIVATE = """
import os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
_, (given,), _, _ = socket.recv_fds(door, 1, 1)
os.dup2(given, 3)
os.close(given)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.executable, [sys.executable, "-m", "fastfork", *sys.argv[2:]])
"""


class Manager:
    """The socket that a server tells its news."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def hear(self) -> list[str]:
        """Return the lines of the next message."""
        return self._socket.recv(4096).decode().splitlines()

    def is_quiet(self) -> bool:
        """Is there no message now?"""
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(20)
        return False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Give a service manager."""
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


OPTIONS = ["-w", "2", "-b", "127.0.0.1:0"]


def test_manager_hears_when_all_workers_are_ready_and_when_it_stops(
    start: Start, manager: Manager
) -> None:
    server = start("process:app", *OPTIONS, env={"NOTIFY_SOCKET": str(manager.path)})

    assert manager.hear() == [
        "READY=1",
        "STATUS=serving process:app in 2 workers",
        f"MAINPID={server.pid}",
    ]
    assert manager.is_quiet()
    server.process.terminate()
    assert manager.hear() == ["STOPPING=1", "STATUS=finishing what runs"]
    assert server.wait_for_end() == 0


def test_manager_hears_of_a_reload_and_when_it_is_done(start: Start, manager: Manager) -> None:
    server = start("process:app", *OPTIONS, env={"NOTIFY_SOCKET": str(manager.path)})
    ready = manager.hear()

    server.process.send_signal(signal.SIGHUP)

    assert manager.hear()[0] == "RELOADING=1"
    assert manager.hear() == ready
    assert "generation 2 serves" in server.log


def test_server_that_does_not_start_is_never_ready(start: Start, manager: Manager) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path)}

    server = start("process:nothing", *OPTIONS, env=env, is_up=False)
    server.exit_code = 4

    assert server.wait_for_end() == 4
    assert manager.is_quiet()


def test_watchdog_is_told_that_the_loop_goes_round(start: Start, manager: Manager) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "100000"}

    server = start("process:app", *OPTIONS, env=env)
    heard = [manager.hear()[0] for _ in range(6)]

    assert heard.count("READY=1") == 1
    assert heard.count("WATCHDOG=1") == 5
    os.kill(server.pid, signal.SIGSTOP)
    wait_until(lambda: _drained(manager))
    os.kill(server.pid, signal.SIGCONT)
    assert manager.hear() == ["WATCHDOG=1"]


def _drained(manager: Manager) -> bool:
    if not manager.is_quiet():
        manager.hear()
        return False
    return True


def test_sockets_of_the_manager_are_served_and_outlive_the_server(
    start: Start, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        first, second = (_activate(start, listener, tmp_path) for _ in range(2))
        port = listener.getsockname()[1]

        assert f"Listening at: http://127.0.0.1:{port}\n" in first.log
        assert first.who().pid in {*first.workers, *second.workers}
        first.process.terminate()
        assert first.wait_for_end() == 0
        assert second.who().pid in second.workers


def test_descriptors_of_the_manager_reach_no_worker(
    start: Start, manager: Manager, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _activate(start, listener, tmp_path, NOTIFY_SOCKET=str(manager.path))
        (inode,) = {os.readlink(f"/proc/self/fd/{listener.fileno()}")}

        assert list(open_fds(server.pid).values()).count(inode) == 1
        for worker in server.workers:
            assert inode not in open_fds(worker).values()


def _activate(start: Start, listener: socket.socket, path: Path, **env: str) -> Cluster:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path / "door"))
        door.listen()
        door.settimeout(20)
        command = [sys.executable, "-c", ACTIVATE, str(path / "door")]
        server = start("process:app", "-w", "2", env={"A": "", **env}, command=command, is_up=False)
        visitor, _ = door.accept()
        with visitor:
            socket.send_fds(visitor, [b"."], [listener.fileno()])
        (path / "door").unlink()
    server.wait_for_start()
    return server

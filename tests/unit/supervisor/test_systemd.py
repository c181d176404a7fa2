"""What systemd gives, and what it hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastfork.supervisor.systemd import Notifier, take_sockets


@pytest.mark.parametrize(
    ("environ", "fds"),
    [
        ({}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, [3, 4]),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, []),
        ({"LISTEN_FDS": "2"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "0"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "-1"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "many"}, []),
    ],
)
def test_sockets_are_those_meant_for_this_process(environ: dict[str, str], fds: list[int]) -> None:
    assert take_sockets(environ, pid=7) == fds


def test_variables_of_sockets_that_were_taken_are_gone() -> None:
    environ = {"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "HOME": "/"}

    take_sockets(environ, pid=7)

    assert environ == {"HOME": "/"}


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Give the address of a socket that plays systemd, and the socket."""
    name = f"@fastfork-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(name.replace("@", "\0", 1))
        ours.settimeout(5)
        yield name, ours


def test_news_are_datagrams_of_lines(manager: tuple[str, socket.socket]) -> None:
    address, ours = manager
    environ = {"NOTIFY_SOCKET": address}
    notifier = Notifier(environ, pid=7)

    notifier.ready("serving")
    notifier.reloading()
    notifier.reloading()
    notifier.reloaded()  # the newer one took its place
    notifier.reloaded()
    notifier.reloading()
    notifier.stopping("bye")
    notifier.reloaded()

    ready = f"READY=1\nSTATUS=serving\nMAINPID={os.getpid()}".encode()
    assert ours.recv(999) == ready
    assert ours.recv(999).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert ours.recv(999).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert ours.recv(999) == ready
    assert ours.recv(999).startswith(b"RELOADING=1\n")
    assert ours.recv(999) == b"STOPPING=1\nSTATUS=bye"
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        ours.recv(999)
    assert environ == {}
    assert notifier.next_look() is None
    notifier.close()


def test_watchdog_hears_twice_in_its_time(manager: tuple[str, socket.socket]) -> None:
    address, ours = manager
    notifier = Notifier(
        {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, pid=7
    )
    first = notifier.next_look()

    notifier.look()
    notifier.look()

    assert ours.recv(999) == b"WATCHDOG=1"
    assert first is not None
    assert 29 < (notifier.next_look() or 0) - first < 31
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        ours.recv(999)
    notifier.close()


@pytest.mark.parametrize(
    "environ",
    [
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/nobody", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"},
        {"NOTIFY_SOCKET": "/nobody", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/nobody", "WATCHDOG_USEC": "soon"},
    ],
)
def test_there_is_no_watchdog_that_is_not_ours(environ: dict[str, str]) -> None:
    notifier = Notifier(environ, pid=7)

    assert notifier.next_look() is None
    notifier.close()


def test_manager_that_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, pid=7)

    notifier.ready("serving")

    notifier.close()

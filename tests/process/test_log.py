"""Where the log goes, and what happens when it can't."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from fix_cluster import Start
from fix_processes import wait_until


def listens(path: Path) -> bool:
    """Does somebody listen at *path*?"""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def test_a_reader_of_the_log_that_stalls_does_not_hold_up_the_service(
    start: Start, tmp_path: Path
) -> None:
    fifo, sock = tmp_path / "fifo", tmp_path / "socket"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    assert os.write(writer, bytes(1 << 20)) < 1 << 20  # full
    command = ["sh", "-c", f'exec "$@" 2>{fifo}', "sh", sys.executable, "-m", "fastfork"]

    server = start("process:app", "-b", f"unix:{sock}", command=command, is_up=False)
    wait_until(lambda: listens(sock))
    server.url = f"unix:{sock}"

    assert server.ask()
    os.close(reader)
    os.close(writer)


def test_a_reader_of_the_log_that_ends_does_not_end_the_service(
    start: Start, tmp_path: Path
) -> None:
    sock = tmp_path / "socket"
    command = ["sh", "-c", '"$@" 2>&1 | true', "sh", sys.executable, "-m", "fastfork"]
    server = start("process:app", "-b", f"unix:{sock}", command=command, is_up=False)
    wait_until(lambda: listens(sock))
    server.url = f"unix:{sock}"

    assert server.ask()
    server.exit_code = -signal.SIGTERM
    os.killpg(server.pid, signal.SIGTERM)


def test_a_full_disk_does_not_stop_the_service(start: Start, tmp_path: Path) -> None:
    sock = tmp_path / "socket"
    options = [
        "-b",
        f"unix:{sock}",
        "--error-logfile",
        "/dev/full",
        "--access-logfile",
        "/dev/full",
    ]
    server = start("process:app", *options, is_up=False)
    wait_until(lambda: listens(sock))
    server.url = f"unix:{sock}"

    assert [bool(server.ask()) for _ in range(4)] == [True] * 4

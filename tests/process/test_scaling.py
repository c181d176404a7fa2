"""More and fewer workers while it serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastfork.control import Client
from fix_cluster import Cluster, Gate, Start
from fix_fds import open_fds
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, get


def command(socket: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `fastfork scale`."""
    line = [sys.executable, "-m", "fastfork", "scale", *words, "--control-socket", str(socket)]
    return subprocess.run(line, capture_output=True, text=True, timeout=30)


def has(cluster: Cluster, count: int) -> None:
    """Wait until so many workers serve."""
    wait_until(lambda: len(cluster.workers) == count)
    wait_until(lambda: len({cluster.who().pid for _ in range(2 * count)}) == count)


def test_two_ttin_make_two_more_and_ttou_fewer(start: Start) -> None:
    cluster = start()

    # Each is seen before the next one is sent: the kernel makes one of two that are pending.
    for seen, number in enumerate([signal.SIGTTIN] * 2 + [signal.SIGTTOU] * 3):
        cluster.process.send_signal(number)
        wait_until(lambda: cluster.log.count("instead of") > seen)  # noqa: B023
        if seen == 1:
            has(cluster, 4)

    has(cluster, 1)

    assert cluster.who().slot == 0


def test_last_worker_stays(start: Start) -> None:
    cluster = start(workers=1)

    cluster.process.send_signal(signal.SIGTTOU)
    cluster.wait_for_log("SIGTTOU: 1 workers instead of 1")

    assert cluster.ask()


def test_command_waits_until_it_is_done_and_leaves_no_descriptor(
    start: Start, tmp_path: Path
) -> None:
    socket = tmp_path / "control"
    cluster = start("process:app", "--control-socket", str(socket))

    more = command(socket, "+2")
    wait_until(lambda: {cluster.who().slot for _ in range(8)} == {0, 1, 2, 3})
    fewer = command(socket, "2")

    assert more.stdout == "workers: 4\n"
    assert fewer.stdout == "workers: 2\n"
    assert len(cluster.workers) == 2
    wait_until(lambda: len(open_fds(cluster.pid)) <= cluster.fds_of_rest)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("0", "0 workers can't be; allowed is 1 to 512"),
        ("-2", "0 workers can't be"),
        ("9999", "allowed is 1 to 512"),
        ("many", "'many' is no number of workers"),
    ],
)
def test_what_can_not_be_is_refused(word: str, told: str, start: Start, tmp_path: Path) -> None:
    socket = tmp_path / "control"
    cluster = start("process:app", "--control-socket", str(socket))

    done = command(socket, word)

    assert done.returncode != 0
    assert told in done.stderr
    assert len(cluster.workers) == 2


def test_worker_that_can_not_start_leaves_the_number_as_it_was(
    start: Start, tmp_path: Path
) -> None:
    socket, broken = tmp_path / "control", tmp_path / "broken"
    options = ("--no-preload", "--control-socket", str(socket), "-e", f"BROKEN={broken}")
    cluster = start("fragile:app", *options)

    broken.touch()
    done = command(socket, "3")

    assert done.returncode == 1
    assert "RuntimeError: the file is there" in done.stderr
    assert len(cluster.workers) == 2
    assert "2 workers go on" in cluster.log


def test_worker_that_leaves_finishes_its_request(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, doors = start(), [gate(), gate()]
    wires = [connect(cluster).send(get(door.url())) for door in doors]
    for door in doors:
        door.wait_for_request()

    cluster.process.send_signal(signal.SIGTTOU)
    cluster.wait_for_log("leaves, its slot is wanted no more")
    for door in doors:
        door.open()

    assert [wire.read_response().status for wire in wires] == [200, 200]
    has(cluster, 1)


def test_slot_that_is_crashing_can_be_taken_away(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    cluster = start("fragile:app", "--no-preload", "-e", f"BROKEN={broken}")

    broken.touch()
    os.kill(cluster.worker_in(1), signal.SIGKILL)
    cluster.wait_for_log("worker 1 (pid")
    wait_until(lambda: cluster.log.count("could not start") >= 2)
    cluster.process.send_signal(signal.SIGTTOU)

    has(cluster, 1)


@pytest.mark.slow
def test_no_request_fails_while_it_grows_and_shrinks(
    start: Start, load: StartLoad, tmp_path: Path
) -> None:
    socket = tmp_path / "control"
    cluster = start("process:app", "--control-socket", str(socket))
    clients = load(cluster, *[on_new_connections, on_kept_connections] * 2)

    with Client(socket) as client:
        counts = [client.scale(words) for words in ("5", "-4", "4", "2")]

    assert counts == [5, 1, 4, 2]
    assert set(clients.stop()) == {"answered"}

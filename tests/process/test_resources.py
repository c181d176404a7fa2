"""Descriptors, memory and processor time: what is lent comes back, what is short is waited for."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from fix_cluster import EAGER, Cluster, Start, answer
from fix_fds import open_fds
from fix_processes import children_of, wait_until
from fix_wire import Connect, Wire, get


def kinds(listing: bytes) -> list[str]:
    """Return what a worker says that it has open, without numbers."""
    found = [line.partition(" ")[2] for line in listing.decode().splitlines()]
    return sorted(re.sub(r"\[\d+\]", "", what) for what in found)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def allow_fds(server: Cluster, more: int) -> None:
    """Let the master open *more* descriptors and no more than that."""
    used = set(map(int, open_fds(server.pid)))
    free = [fd for fd in range(max(used) + more + 2) if fd not in used]
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (free[more], hard))


def test_a_worker_has_nothing_open_that_is_not_its_own(start: Start) -> None:
    server = start(workers=2)

    streams = ["/dev/null", str(server.path_of_log), str(server.path_of_log)]
    seat = ["socket:", "anon_inode:[eventfd]", "anon_inode:[eventpoll]", "pipe:", "pipe:"]
    bus = ["pipe:"] * 4
    flusher = ["anon_inode:[eventfd]", "anon_inode:[eventpoll]"]
    connection, dumps = ["socket:"], ["pipe:"]
    assert kinds(server.ask("/fds")) == sorted(
        [*streams, *seat, *bus, *flusher, *connection, *dumps]
    )


def test_a_worker_that_dies_writes_no_core(start: Start) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no process may write a core here: its hard limit is 0")
    raised = ["sh", "-c", 'ulimit -S -c 1 && exec "$@"', "sh", sys.executable, "-m", "fastfork"]
    server = start(workers=1, command=raised)

    assert resource.prlimit(server.pid, resource.RLIMIT_CORE)[0] > 0
    assert resource.prlimit(server.worker_in(0), resource.RLIMIT_CORE)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [500, pytest.param(3000, marks=pytest.mark.long)])
def test_a_worker_forked_among_parked_connections_inherits_none(
    count: int, start: Start, connect: Connect
) -> None:
    server = start(workers=1)
    for _ in range(count):
        assert connect(server).send(get()).read_response().status == 200
    before = server.worker_in(0)
    server.wait_for_rest()

    os.kill(before, signal.SIGKILL)
    listing = server.ask("/fds")

    assert server.worker_in(0) != before
    assert kinds(listing).count("socket:") == 2


@pytest.mark.slow
def test_thirty_crashes_leave_neither_descriptors_nor_zombies(start: Start) -> None:
    server = start(workers=2, command=EAGER)
    before = server.master_fds()

    for turn in range(30):
        server.replace(turn % 2)

    wait_until(lambda: server.master_fds() == before)
    assert children_of(server.pid) == [server.template, *server.workers]
    assert len(server.workers) == 2


def test_a_full_table_lets_clients_wait_and_goes_on_when_one_leaves(
    start: Start, connect: Connect
) -> None:
    server = start("process:app", "--max-connections", "64")
    held = [connect(server).send(get()) for _ in range(64)]
    for wire in held:
        wire.read_response()
    late = connect(server).send(get())

    assert late.is_quiet()

    held[0].close()
    assert late.read_response().status == 200


def test_without_descriptors_the_master_waits_and_does_not_spin(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    before = len(server.master_fds())
    allow_fds(server, 20)
    for _ in range(60):
        connect(server).send(b"GET / HTTP/1.1\r\n")  # and no more: what is half said is not parked
    wait_until(lambda: len(server.master_fds()) - before >= 15)
    began, used = time.monotonic(), cpu_seconds(server.pid)

    wait_until(lambda: time.monotonic() - began > 1)

    assert cpu_seconds(server.pid) - used <= 0.05
    assert len(server.master_fds()) - before <= 21
    assert server.log.count("can't accept: Too many open files") == 1


def test_without_descriptors_those_that_were_quiet_for_longest_go_first(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    allow_fds(server, 20)
    first = connect(server).send(get())
    assert first.read_response().status == 200
    server.wait_for_rest()

    wires = [connect(server).send(get()) for _ in range(40)]

    assert [wire.read_response().status for wire in wires] == [200] * 40
    assert first.is_ended()
    assert wires[-1].send(get()).read_response().status == 200
    assert server.log.count("can't accept: Too many open files") == 1


def test_who_waits_for_a_descriptor_is_answered_when_others_leave(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    allow_fds(server, 20)
    wires = [connect(server).send(get("/", "Connection: close")) for _ in range(60)]

    assert [wire.read_response().status for wire in wires] == [200] * 60


@pytest.mark.slow
def test_a_worker_without_descriptors_loses_nothing(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    poor = server.worker_in(0)
    hard = resource.prlimit(poor, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(poor, resource.RLIMIT_NOFILE, (12, hard))
    wires = [connect(server).send(get()) for _ in range(6)]

    answers = [answer(wire.read_response().body) for wire in wires]
    assert len(answers) == 6
    wait_until(lambda: {server.who().slot for _ in range(4)} == {0, 1})


def test_a_crash_without_descriptors_is_mended_when_there_are_some(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    before = server.worker_in(0)
    allow_fds(server, 0)
    os.kill(before, signal.SIGKILL)
    server.wait_for_log("can't fork worker 0")

    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))

    wait_until(lambda: server.worker_in(0) != before)
    wait_until(lambda: {server.who().slot for _ in range(2)} == {0, 1})


@pytest.mark.slow
def test_thousands_of_connections_that_come_and_go_leave_nothing(start: Start) -> None:
    server = start(workers=2)
    before = server.master_fds()

    for _ in range(3000):
        server.connect().close()

    assert server.ask()
    wait_until(lambda: server.master_fds() == before)


def test_what_a_client_leaves_behind_is_taken_away(start: Start) -> None:
    server = start(workers=2)
    before = server.master_fds()
    for _ in range(50):
        wire = Wire(server.connect())
        assert wire.send(get()).read_response().status == 200
        wire.close()

    wait_until(lambda: server.master_fds() == before)

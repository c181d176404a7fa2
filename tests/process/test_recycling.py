"""A worker retires when it has served long enough: another one takes over first, and nobody notices."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start, answer, resident
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, get, post

MakeGate = Callable[[], Gate]

# The master looks at workers once a second; where that is not the question, it looks more often.
KEEN = [
    sys.executable,
    "-c",
    "from fastfork.supervisor import relief as r; r._LOOK = 0.02; import fastfork.cli as c; c.main()",
]

# Its import says so in a file, and then waits there for a writer or fails.
MOODY = """
import os

def start():
    import process
    if os.path.exists("broken"):
        raise RuntimeError("broken")
    if os.path.exists("slow"):
        open("slow").read()
    return process.app
"""


@pytest.fixture
def moody(tmp_path: Path) -> Path:
    """Give a folder with an application that the test can let fail, or wait, at its start."""
    (tmp_path / "moody.py").write_text(MOODY)
    apps = Path(__file__).parents[1] / "apps"
    (tmp_path / "process.py").write_text((apps / "process.py").read_text())
    return tmp_path


def handovers(server: Cluster) -> int:
    """Return how many workers have retired so far."""
    return server.log.count("takes over")


def test_worker_retires_after_max_requests_and_says_why(start: Start) -> None:
    server = start("process:app", "--max-requests", "3", workers=1)
    old = server.who()
    asked = 1

    while handovers(server) == 0:
        server.ask()
        asked += 1

    told = re.search(r"worker 0 \(pid (\d+)\) retires after (\d+) requests; pid (\d+)", server.log)
    assert told
    assert 3 <= int(told[2]) <= asked
    new = wait_until(lambda: (now := server.who()).pid != old.pid and now)
    assert new == (old.slot, int(told[3]))
    assert int(told[1]) == old.pid


def test_max_lifetime_replaces_one_worker_after_the_other(start: Start) -> None:
    server = start("process:app", "--max-lifetime", "0.2", workers=2)
    first = set(server.workers)

    wait_until(lambda: not first & set(server.workers))

    assert "retires after 0 s; pid" in server.log or "retires after 1 s; pid" in server.log
    wait_until(lambda: {server.who().slot for _ in range(4)} == {0, 1})


def test_max_memory_replaces_the_worker_that_grew(start: Start, tmp_path: Path) -> None:
    (tmp_path / "glutton.py").write_text("eaten = []\n" + GLUTTON)
    probe = start(workers=1)
    limit = resident(probe.workers[0]) // (1 << 20) + 100

    server = start("glutton:app", "--max-memory", str(limit), workers=1, cwd=tmp_path, command=KEEN)
    assert server.ask("/eat") == b"1"

    server.wait_for_log("takes over")
    told = re.search(r"retires with (\d+) MiB of memory", server.log)
    assert told
    assert limit <= int(told[1]) <= limit + 200
    wait_until(lambda: server.ask("/") == b"0")


GLUTTON = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/eat":
        eaten.append(b"x" * (160 << 20))
    body = b"%d" % len(eaten)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def test_old_worker_finishes_its_request_while_the_next_one_serves(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--max-requests", "1", workers=1)
    door = gate()
    old = server.who()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    server.wait_for_log("takes over")
    assert server.who().pid != old.pid
    door.open()

    assert answer(wire.read_response().body) == old
    server.wait_for_log(f"(pid {old.pid}) exited")


def test_idle_connections_of_a_retired_worker_live_on(start: Start, connect: Connect) -> None:
    server = start("process:app", "--max-requests", "10", workers=1, command=KEEN)
    wires = [connect(server).send(get()) for _ in range(10)]
    old = {answer(wire.read_response().body).pid for wire in wires}

    server.wait_for_log("exited")

    assert {answer(wire.send(get()).read_response().body).pid for wire in wires}.isdisjoint(old)


def test_connections_behind_a_long_request_of_a_retired_worker_move_on(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--max-requests", "3", "--graceful-timeout", "2", workers=1)
    door = gate()
    idle = [connect(server).send(get()) for _ in range(3)]
    for wire in idle:
        wire.read_response()
    running = connect(server).send(post(b"", door.url("/hold")))
    door.wait_for_request()

    server.wait_for_log("takes over")

    assert all(wire.send(get()).read_response().status == 200 for wire in idle)
    assert "killed" not in server.log
    assert running.read_response().status == 502


def test_retired_worker_that_does_not_finish_is_killed(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(
        "process:app", "--max-requests", "1", "--graceful-timeout", "0.2", workers=1, command=KEEN
    )
    door = gate()
    old = server.who()
    wire = connect(server).send(post(b"", door.url("/hold")))
    door.wait_for_request()

    assert wire.read_response().status == 502
    assert f"(pid {old.pid}) still running after 0.2 s: killed" in server.log
    assert server.who().pid != old.pid


def test_old_worker_goes_on_when_the_next_one_can_not_start(start: Start, moody: Path) -> None:
    server = start(
        "moody:start()", "--no-preload", "--max-requests", "1", workers=1, cwd=moody, command=KEEN
    )
    (moody / "broken").touch()
    old = server.who()

    server.wait_for_log("the old one goes on; next try in")
    assert server.who() == old
    (moody / "broken").unlink()

    server.wait_for_log("takes over")
    assert server.who().pid != old.pid


def test_next_worker_takes_over_when_the_old_one_dies_before(start: Start, moody: Path) -> None:
    server = start(
        "moody:start()", "--no-preload", "--max-requests", "1", workers=1, cwd=moody, command=KEEN
    )
    door = Gate(moody / "slow")
    old = server.who()
    door.wait_for_request()

    os.kill(old.pid, signal.SIGKILL)
    server.wait_for_log(f"(pid {old.pid}) died: SIGKILL; pid")
    (moody / "slow").unlink()
    door.close()

    assert server.who().slot == 0
    assert len(server.workers) <= 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_server_stops_while_the_next_worker_starts(
    number: signal.Signals, start: Start, moody: Path
) -> None:
    server = start(
        "moody:start()", "--no-preload", "--max-requests", "1", workers=1, cwd=moody, command=KEEN
    )
    door = Gate(moody / "slow")
    server.ask()
    door.wait_for_request()

    server.process.send_signal(number)

    assert server.wait_for_end() == 0
    door.close()


def test_server_stops_while_an_old_worker_finishes(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--max-requests", "1", workers=1, command=KEEN)
    door = gate()
    server.ask()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()
    server.wait_for_log("takes over")

    server.process.terminate()
    server.wait_for_log("draining")
    door.open()

    assert wire.read_response().status == 200
    assert server.wait_for_end() == 0


def test_never_two_slots_retire_at_once(start: Start, load: StartLoad) -> None:
    server = start("process:app", "--max-requests", "20", workers=4, command=KEEN)
    load(server, *[on_new_connections] * 4)
    most = 0

    while handovers(server) < 8:
        most = max(most, len(server.workers))

    assert most == 5


def test_no_request_fails_while_workers_retire_under_load(start: Start, load: StartLoad) -> None:
    server = start(
        "process:app",
        *("--max-requests", "100", "--max-requests-jitter", "50"),
        workers=2,
        command=KEEN,
    )
    fds = server.fds_of_rest

    clients = load(server, *[on_new_connections, on_kept_connections] * 3)
    wait_until(lambda: handovers(server) >= 20)

    assert set(clients.stop()) == {"answered"}
    wait_until(lambda: len(server.workers) == 2)
    wait_until(lambda: len(server.master_fds()) == fds)

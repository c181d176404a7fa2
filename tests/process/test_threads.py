"""A worker with threads: each runs a request of its own, and all share the worker's fate."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import EAGER, Cluster, Gate, Start, answer
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

MakeGate = Callable[[], Gate]
Doors = list[tuple[Gate, Wire]]

# Each request says which thread ran it, and the two of a meeting need each other.
MEETING = """
import threading

meeting = threading.Barrier(2)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/meet":
        meeting.wait(10)
    if environ["PATH_INFO"] == "/exit":
        raise SystemExit(7)
    if environ["PATH_INFO"] == "/gate":
        open(environ["QUERY_STRING"].partition("=")[2]).read()
    start_response("200 OK", [])
    told = threading.current_thread().name, str(environ["wsgi.multithread"])
    return [" ".join(told).encode()]
"""


@pytest.fixture
def meeting(tmp_path: Path, start: Start) -> Callable[..., Cluster]:
    """Start the application above."""
    (tmp_path / "meeting.py").write_text(MEETING)

    def begin(*options: str, workers: int = 1) -> Cluster:
        return start("meeting:app", *options, workers=workers, cwd=tmp_path)

    return begin


def held(server: Cluster, connect: Connect, gate: MakeGate, *, count: int) -> Doors:
    """Return requests that stand inside the application, each at its gate."""
    doors = []
    for _ in range(count):
        door = gate()
        doors.append((door, connect(server).send(get(door.url()))))
        door.wait_for_request()
    return doors


def test_requests_in_one_worker_can_wait_for_each_other(
    meeting: Callable[..., Cluster], connect: Connect
) -> None:
    server = meeting("--threads", "2")

    wires = [connect(server).send(get("/meet")) for _ in range(2)]

    assert [wire.read_response().status for wire in wires] == [200, 200]
    assert "runs in 1 worker x 2 threads" in server.log


def test_connections_go_to_all_threads_by_turns(meeting: Callable[..., Cluster]) -> None:
    server = meeting("--threads", "3")

    told = Counter(server.ask().decode() for _ in range(30))

    lanes = ["MainThread", "fastfork-lane-1", "fastfork-lane-2"]
    assert told == {f"{name} True": 10 for name in lanes}


def test_consecutive_connections_go_to_different_workers(start: Start) -> None:
    server = start("process:app", "--threads", "2", workers=2)

    server.wait_for_turns(2, rounds=4)


def test_one_thread_is_the_main_thread(meeting: Callable[..., Cluster]) -> None:
    assert meeting().ask() == b"MainThread False"


def test_what_all_threads_of_a_killed_worker_ran_is_run_by_others(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--threads", "4", workers=1)
    doors = held(server, connect, gate, count=4)

    server.replace(0)

    for door, wire in doors:
        assert server.worker_at(door) == server.worker_in(0)
        door.open()
        assert answer(wire.read_response().body).pid == server.worker_in(0)


def test_worker_that_is_told_to_end_finishes_what_every_thread_runs(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--threads", "3", workers=1)
    idle = connect(server).send(get())
    old = answer(idle.read_response().body).pid
    doors = held(server, connect, gate, count=2)

    os.kill(old, signal.SIGTERM)

    for door, wire in doors:
        door.open()
        assert answer(wire.read_response().body).pid == old
    wait_until(lambda: server.worker_in(0) != old)
    assert answer(idle.send(get()).read_response().body).pid == server.worker_in(0)


def test_server_that_stops_finishes_what_every_thread_runs(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--threads", "2", workers=2)
    doors = held(server, connect, gate, count=4)

    server.process.terminate()
    server.wait_for_log("draining")

    for door, wire in doors:
        door.open()
        assert wire.read_response().status == 200
    assert server.wait_for_end() == 0


def test_thread_that_ends_its_worker_lets_the_others_finish(
    meeting: Callable[..., Cluster], connect: Connect, gate: MakeGate
) -> None:
    server = meeting("--threads", "2")
    old = server.worker_in(0)
    ((door, beside),) = held(server, connect, gate, count=1)

    assert connect(server).send(get("/exit")).read_response().status == 500
    assert server.workers == [old]
    door.open()
    assert beside.read_response().status == 200

    server.wait_for_log(f"worker 0 (pid {old}) died: exit code 7")
    wait_until(lambda: server.worker_in(0) != old)
    assert server.ask().endswith(b"True")


@pytest.mark.parametrize("how", ["/spin", "/hold"])
def test_request_that_never_ends_costs_the_other_threads_nothing(
    how: str, start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--threads", "2", "--timeout", "0.3", workers=2)
    door = gate()
    stuck = connect(server).send(get(door.url(how)))

    assert stuck.read_response().status == 504
    wait_until(lambda: {server.who().slot for _ in range(8)} == {0, 1})
    assert server.log.count("timed out in") == 1


def test_what_runs_beside_a_request_that_timed_out_is_finished_first(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--threads", "2", "--timeout", "2", workers=1)
    old = server.worker_in(0)
    door, beside = gate(), gate()
    spinning = connect(server).send(get(door.url("/spin")))
    door.wait_for_request()
    # It comes later, so its own time is not up when the other one's is.
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 1)
    other = connect(server).send(get(beside.url()))
    beside.wait_for_request()

    server.wait_for_log("most recent call first")
    assert server.workers == [old]
    beside.open()

    assert answer(other.read_response().body).pid == old
    assert spinning.read_response().status == 504
    server.wait_for_log(f"worker 0 (pid {old}) timed out in GET")
    wait_until(lambda: server.worker_in(0) != old)


def test_retiring_workers_with_threads_lose_nothing(start: Start, load: StartLoad) -> None:
    server = start("process:app", "--threads", "2", "--max-requests", "300", workers=2)
    loads = [load(server, on_kept_connections), load(server, on_new_connections)]

    wait_until(lambda: server.log.count("takes over") >= 2)

    assert [set(one.stop()) for one in loads] == [{"answered"}, {"answered"}]


def test_child_that_a_thread_forks_reaches_no_client(start: Start, connect: Connect) -> None:
    server = start("process:app", "--threads", "2", workers=1)
    wires = [connect(server) for _ in range(4)]

    for wire in wires:
        assert wire.send(get("/child_that_returns")).read_response().body.startswith(b"parent")
        assert wire.send(get("/child_that_exits")).read_response().status == 200
    wait_until(lambda: len(server.workers) == 1)


def test_more_threads_than_lanes_is_an_error(start: Start) -> None:
    server = start("process:app", "--threads", "64", workers=8, is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "8 workers with 64 threads each are too many" in server.log


# Those who wait do so until the file is there, however often they are asked.
POISON = """
import os, time

running = 0

def app(environ, start_response):
    global running
    if environ["PATH_INFO"] == "/wait":
        running += 1
        while not os.path.exists("go"):
            time.sleep(0.01)
    if environ["PATH_INFO"] == "/die":
        while not running == 3 and not os.path.exists("died"):
            time.sleep(0.01)
        open("died", "w").close()
        os._exit(3)
    start_response("200 OK", [])
    return [b"done"]
"""


def test_request_that_kills_its_worker_takes_nobody_along(
    tmp_path: Path, start: Start, connect: Connect
) -> None:
    (tmp_path / "poison.py").write_text(POISON)
    server = start("poison:app", "--threads", "4", workers=1, command=EAGER, cwd=tmp_path)

    beside = [connect(server).send(get("/wait")) for _ in range(3)]
    poison = connect(server).send(get("/die"))
    server.wait_for_log("died: exit code 3")
    (tmp_path / "go").touch()

    # Once in company, then alone: two deaths more, and it is known who was to blame.
    assert poison.read_response().status == 502
    assert [wire.read_response().status for wire in beside] == [200, 200, 200]
    wait_until(lambda: server.log.count("died: exit code 3") == 3)
    assert server.log.count("died in GET /wait") == 3

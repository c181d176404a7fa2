"""The application has its time; a client that is slow does not use it up."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start
from fix_processes import wait_until
from fix_wire import Connect, get, post

MakeGate = Callable[[], Gate]


@pytest.mark.parametrize("how", ["/gate", "/spin", "/hold"])
def test_request_that_never_ends_is_answered_504_and_its_worker_replaced(
    how: str, start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=1)
    door = gate()
    old = server.who()
    path = door.url(how)

    assert connect(server).send(get(path)).read_response().status == 504

    server.wait_for_log(f"worker 0 (pid {old.pid}) timed out in GET {path} HTTP/1.1 after 0.3 s")
    assert server.who().slot == 0
    assert server.who().pid != old.pid


@pytest.mark.parametrize("how", ["gate", "spin", "hold"])
def test_stacks_of_all_threads_are_in_the_log(
    how: str, start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=1)
    wire = connect(server).send(get(gate().url(f"/{how}")))

    assert wire.read_response().status == 504

    assert "Fatal Python error: Aborted" in server.log
    assert re.search(rf'process.py", line \d+ in {how}\b', server.log)


def test_request_that_timed_out_is_not_run_again(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=2)
    wires = [connect(server).send(get(gate().url("/spin"))) for _ in range(2)]

    assert [wire.read_response().status for wire in wires] == [504, 504]

    wait_until(lambda: server.log.count("timed out in") == 2)
    wait_until(lambda: {server.who().slot for _ in range(2)} == {0, 1})


def test_unsafe_request_that_timed_out_is_answered_504(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=1)

    wire = connect(server).send(post(b"x", gate().url("/hold")))

    assert wire.read_response().status == 504


def test_idle_connections_of_the_worker_live_on(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=1)
    idle = connect(server).send(get())
    assert idle.read_response().status == 200

    assert connect(server).send(get(gate().url("/hold"))).read_response().status == 504

    assert idle.send(get()).read_response().status == 200


def test_worker_that_can_not_even_abort_is_killed(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0.3", workers=1)
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()

    os.kill(server.worker_in(0), signal.SIGSTOP)

    assert wire.read_response().status == 504
    assert "did not end by SIGABRT in 1 s: killed" in server.log


def test_without_timeout_the_application_may_take_its_time(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", "--timeout", "0", workers=2)
    door, other = gate(), gate()
    patient = connect(server).send(get(door.url()))
    door.wait_for_request()
    short = start("process:app", "--timeout", "0.3", workers=1)

    assert connect(short).send(get(other.url("/spin"))).read_response().status == 504
    door.open()

    assert patient.read_response().status == 200


SLOW = """
import time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/steps":
        start_response("200 OK", [])
        return steps(6)
    if environ["PATH_INFO"] == "/stuck":
        start_response("200 OK", [])
        return steps(1, last=60)
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [])
        return (b"x" * 1000000 for _ in range(20))
    if environ["PATH_INFO"] == "/spin":
        time.sleep(60)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

def steps(n, last=0):
    for _ in range(n):
        yield b"step"
        time.sleep(0.15)
    time.sleep(last)
"""


@pytest.fixture
def slow(start: Start, tmp_path: Path) -> Cluster:
    """Give a server that times out after 0.4 s, with an application that has reason to wait."""
    (tmp_path / "slow.py").write_text(SLOW)
    return start("slow:app", "--timeout", "0.4", "--body-buffer", "0", workers=2, cwd=tmp_path)


def test_stream_that_goes_on_may_take_longer(slow: Cluster, connect: Connect) -> None:
    response = connect(slow).send(get("/steps")).read_response()

    assert response.body == b"step" * 6
    assert "timed out" not in slow.log


def test_stream_that_stands_still_is_cut(slow: Cluster, connect: Connect) -> None:
    wire = connect(slow).send(get("/stuck"))

    assert wire.read_to_end().endswith(b"step\r\n")

    slow.wait_for_log("timed out in GET /stuck HTTP/1.1 after 0.4 s")


def test_time_of_a_slow_reader_is_not_the_applications(slow: Cluster, connect: Connect) -> None:
    reader = connect(slow).send(get("/large"))

    wait_until_another_one_times_out(slow, connect)

    assert len(reader.read_response().body) == 20_000_000
    assert "timed out in GET /large" not in slow.log


def test_time_of_a_slow_sender_is_not_the_applications(slow: Cluster, connect: Connect) -> None:
    request = post(b"x" * 1000)
    sender = connect(slow).send(request[:-1])

    wait_until_another_one_times_out(slow, connect)

    assert sender.send(request[-1:]).read_response().body == b"x" * 1000
    assert "timed out in POST" not in slow.log


def wait_until_another_one_times_out(slow: Cluster, connect: Connect) -> None:
    """Return when all that began before, and counts, has timed out."""
    assert connect(slow).send(get("/spin")).read_response().status == 504

"""Workers that run an asyncio loop: dealing, time-outs, deaths, drains and reloads."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from websockets.sync.client import connect as open_socket

from fix_cluster import Cluster, Start
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

APP = "asgi_mistakes:app"


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Give the option for each loop."""
    return "--loop", request.param


def pid_of(server: Cluster) -> int:
    """Return the pid of the worker that answers a new connection."""
    return int(server.ask("/pid"))


def test_consecutive_connections_go_to_one_worker_after_the_other(start: Start) -> None:
    server = start(APP, workers=4)

    pids = [pid_of(server) for _ in range(40)]

    assert len(set(pids)) == 4
    # A worker that gets no CPU for some milliseconds is passed over.
    assert sum(one == other for one, other in pairwise(pids)) <= 4


def test_new_connections_go_where_least_runs(start: Start, connect: Connect) -> None:
    server = start(APP, workers=2)

    pids: Counter[bytes] = Counter()
    for _ in range(20):
        wire = connect(server).send(get("/hold"))
        wire.read_head()
        pids[next(wire.read_chunks())] += 1

    assert max(pids.values()) <= 13  # one that gets no CPU for a while is passed over


def test_no_more_run_in_a_worker_than_it_has_connections(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start(APP, "--worker-connections", "3", workers=1)
    door = tmp_path / "door"
    wires = [connect(server).send(get(f"/gate?{door}")) for _ in range(5)]

    assert all(wire.is_quiet() for wire in wires)
    door.touch()
    assert {wire.read_response().status for wire in wires} == {200}


@pytest.mark.parametrize("path", ["/hang", "/wait"])
def test_request_that_never_answers_is_cancelled_and_its_worker_lives(
    start: Start, connect: Connect, loop: tuple[str, str], path: str
) -> None:
    server = start(APP, *loop, "--timeout", "0.3", workers=1)
    pid = pid_of(server)

    assert connect(server).send(get(path)).read_response().status == 504

    server.wait_for_log(f"timed out in GET {path} after 0.")
    assert pid_of(server) == pid
    assert "the application failed" not in server.log


def test_stream_that_has_begun_has_no_time_out(start: Start, connect: Connect) -> None:
    server = start(APP, "--timeout", "0.3", workers=1)
    wire = connect(server).send(get("/endless"))
    wire.read(1000)

    assert connect(server).send(get("/hang")).read_response().status == 504
    assert len(wire.read(1_000_000)) == 1_000_000
    wire.close()


def test_loop_that_is_blocked_ends_with_its_worker(start: Start, connect: Connect) -> None:
    server = start(APP, "--timeout", "0.5", workers=1)
    pid = pid_of(server)

    assert connect(server).send(get("/block")).read_response().status == 504

    wait_until(lambda: f"worker 0 (pid {pid}) timed out in GET /block" in server.log)
    assert pid_of(server) != pid


def test_what_waits_behind_a_blocked_loop_is_served_by_another(
    start: Start, connect: Connect
) -> None:
    server = start(APP, "--timeout", "2", workers=2)
    blocked = connect(server).send(get("/block"))
    server.wait_for_log("the loop is blocked")

    pids = {pid_of(server) for _ in range(6)}

    assert len(pids) == 1
    blocked.close()


def test_requests_of_a_killed_worker_are_run_again(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start(APP, workers=2)
    door = tmp_path / "door"
    wires = [connect(server).send(get(f"/gate?{door}")) for _ in range(6)]
    wait_until(lambda: all(wire.is_quiet() for wire in wires))
    server.replace(0)
    door.touch()

    assert {wire.read_response().status for wire in wires} == {200}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_at_once(
    start: Start, loop: tuple[str, str], number: signal.Signals
) -> None:
    server = start(APP, *loop, workers=2)
    os.kill(server.pid, number)

    assert server.process.wait(20) == 0
    assert server.log.count("the lifespan has ended") == 2


def test_what_runs_at_the_end_is_finished(
    start: Start, connect: Connect, tmp_path: Path, loop: tuple[str, str]
) -> None:
    server = start(APP, *loop, workers=1)
    door = tmp_path / "door"
    wire = connect(server).send(get(f"/gate?{door}"))
    wait_until(wire.is_quiet)
    os.kill(server.pid, signal.SIGTERM)
    server.wait_for_log("draining")
    door.touch()

    assert wire.read_response().status == 200
    assert wire.is_ended()
    assert server.process.wait(20) == 0


def test_what_does_not_end_is_cancelled_before_the_lifespan_ends(
    start: Start, connect: Connect
) -> None:
    server = start(APP, "--graceful-timeout", "1", workers=1)
    wire = connect(server).send(get("/hang"))
    wait_until(wire.is_quiet)
    assert server.ask("/fine") == b"fine"
    os.kill(server.pid, signal.SIGTERM)

    assert wire.read_response().status == 503
    assert server.process.wait(20) == 0
    assert "the lifespan has ended" in server.log


def test_websockets_are_closed_with_1012_at_the_end(start: Start, loop: tuple[str, str]) -> None:
    server = start(APP, *loop, workers=1)
    with open_socket(f"ws://127.0.0.1:{server.port}/") as socket:
        socket.send("hello")
        assert socket.recv(5) == "hello"
        os.kill(server.pid, signal.SIGTERM)
        with pytest.raises(Exception, match="1012"):
            socket.recv(5)

    assert server.process.wait(20) == 0


def test_reload_keeps_connections_and_requests(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start(APP, workers=2)
    door = tmp_path / "door"
    kept = connect(server)
    before = int(kept.send(get("/pid")).read_response().body)
    running = connect(server).send(get(f"/gate?{door}"))
    wait_until(running.is_quiet)

    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: server.log.count(") started") > 2)
    door.touch()

    assert running.read_response().status == 200
    server.wait_for_log("reloaded: generation 2")
    assert int(kept.send(get("/pid")).read_response().body) != before


def test_threads_are_refused_with_what_to_do(start: Start) -> None:
    server = start(APP, "--threads", "2", workers=1, is_up=False)

    server.exit_code = 1
    assert server.process.wait(20) == 1
    assert "--threads is for applications that wait in threads" in server.log


def test_lifespan_that_fails_is_a_boot_failure(start: Start, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
    )
    server = start("failing:app", workers=2, cwd=tmp_path, is_up=False)

    server.exit_code = 3
    assert server.process.wait(20) == 3
    assert server.log.count("the application's start-up failed: no database") == 1


def test_access_log_tells_of_asgi_requests(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "access"
    server = start(APP, "--access-logfile", str(log), workers=1)
    server.ask("/fine")
    server.ask("/nothing")

    wait_until(lambda: log.read_text().count("\n") == 2)
    assert '"GET /fine HTTP/1.1" 200 4 ' in log.read_text()
    assert '"GET /nothing HTTP/1.1" 500 - ' in log.read_text()


WITHOUT_WEBSOCKETS = """
import sys
sys.modules["websockets"] = None
from fastfork.cli import main
main()
"""


def test_who_asks_for_a_websocket_without_the_package_is_told_of_once_in_each_worker(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    server = start(
        "plain:app",
        "--chdir",
        str(tmp_path),
        workers=1,
        command=[sys.executable, "-c", WITHOUT_WEBSOCKETS],
    )
    wish = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )

    for _ in range(2):
        wire = Wire(server.connect())
        assert wire.send(get("/", *wish)).read_response().body == b"plain"
        wire.close()

    server.wait_for_log(
        "GET /: asks for a WebSocket, and is run as an ordinary request; to have them:"
    )
    assert server.log.count("asks for a WebSocket") == 1


PLAIN = """
async def app(scope, receive, send):
    assert scope["type"] != "websocket"
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"plain"})
"""

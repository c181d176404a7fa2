"""Steering a server that runs: the control socket, its client, and the commands."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastfork.control import Client, ControlError
from fix_cluster import EAGER, Cluster, Gate, Start
from fix_control import Desk
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import Sessions, wait_until
from fix_server import APPS
from fix_wire import Connect, get


@pytest.fixture
def server(start: Start, desk: Desk) -> Cluster:
    """Give a server of two workers with a control socket."""
    return start("process:app", *desk.options)


@pytest.fixture
def client(server: Cluster, desk: Desk) -> Iterator[Client]:
    """Give a client of that server."""
    with Client(desk.socket) as client:
        yield client


# --- status


def test_status_tells_of_the_server_and_each_worker(server: Cluster, client: Client) -> None:
    for _ in range(4):
        server.ask()

    wait_until(lambda: client.status()["requests"] == 4)
    status = client.status()

    assert status["app"] == "process:app"
    assert status["listeners"] == [f"http://127.0.0.1:{server.port}"]
    assert (status["state"], status["generation"], status["pid"]) == ("serving", 1, server.pid)
    assert [view["pid"] for view in status["slots"]] == [server.worker_in(0), server.worker_in(1)]
    assert [view["requests"] for view in status["slots"]] == [2, 2]
    assert all(0 < view["p50"] <= view["p99"] < 5 for view in status["slots"])
    assert all(view["rss"] > 1 << 20 and view["cpu_seconds"] >= 0 for view in status["slots"])


def test_status_is_answered_while_every_worker_is_busy(
    server: Cluster, client: Client, connect: Connect, gate: Callable[[], Gate]
) -> None:
    doors = [gate(), gate()]
    for door in doors:
        connect(server).send(get(door.url()))
        door.wait_for_request()

    wait_until(lambda: [v["state"] for v in client.status()["slots"]] == ["busy", "busy"])

    assert client.status()["connections"]["running"] == 2
    for door in doors:
        door.open()


def test_status_knows_what_workers_accepted_by_themselves(
    start: Start, desk: Desk, connect: Connect
) -> None:
    server = start("process:app", *desk.options, "--dispatch", "shared")
    wire = connect(server)
    assert wire.send(get()).read_response().status == 200

    with Client(desk.socket) as client:
        wait_until(lambda: client.status()["connections"]["at_workers"] == 1)
        assert client.status()["requests"] == 1


def test_status_says_how_the_last_worker_of_a_slot_ended(server: Cluster, client: Client) -> None:
    server.replace(1)

    view = wait_until(lambda: client.status()["slots"][1])

    assert (view["restarts"], view["pid"]) == (1, server.worker_in(1))
    assert view["last_end"].startswith("died: SIGKILL")
    assert client.status()["ends"] == {"signal": 1}


def test_status_command_prints_a_table_or_json(server: Cluster, desk: Desk) -> None:
    table, as_json = desk.run("status"), desk.run("status", "--json")

    assert (table.returncode, as_json.returncode) == (0, 0)
    assert f"process:app on http://127.0.0.1:{server.port}" in table.stdout
    assert str(server.worker_in(1)) in table.stdout
    assert json.loads(as_json.stdout)["pid"] == server.pid


def test_lines_that_an_access_log_lost_are_counted(
    start: Start, desk: Desk, connect: Connect
) -> None:
    server = start("process:app", *desk.options, "--access-logfile", "/dev/full")
    for _ in range(4):
        server.ask()

    with Client(desk.socket) as client:
        wait_until(lambda: client.status()["lines_lost"] == 4)


# --- restart


def test_restart_replaces_one_worker(server: Cluster, client: Client) -> None:
    before = [server.worker_in(0), server.worker_in(1)]

    assert client.restart(1) == {"restarted": [1]}

    views = client.status()["slots"]
    assert views[0]["pid"] == before[0]
    assert views[1]["pid"] not in before
    assert views[1]["state"] == "ready"
    assert views[1]["last_end"].startswith("retires as it was told to")
    wait_until(lambda: client.status()["ends"] == {"relieved": 1})


@pytest.mark.slow
def test_restart_of_all_loses_no_request(
    server: Cluster, desk: Desk, load: StartLoad, connect: Connect
) -> None:
    before = server.workers
    kept = connect(server)
    kept.send(get()).read_response()
    clients = load(server, on_new_connections, on_kept_connections, on_new_connections)

    done = [desk.run("restart", "all") for _ in range(3)]

    assert [one.stdout for one in done] == ["restarted: 0, 1\n"] * 3
    assert set(clients.stop()) == {"answered"}
    assert not set(before) & set(server.workers)
    assert kept.send(get()).read_response().status == 200


def test_restart_that_fails_says_why_and_the_old_worker_goes_on(
    start: Start, desk: Desk, tmp_path: Path
) -> None:
    options = ["-w", "1", "-b", "127.0.0.1:0", *desk.options]
    server = start(
        "fragile:app", "--no-preload", *options, env={"BROKEN": str(tmp_path / "broken")}
    )
    worker = server.worker_in(0)
    (tmp_path / "broken").touch()

    done = desk.run("restart", "0")

    assert done.returncode == 1
    assert "Error: worker 0: could not start" in done.stderr
    assert "RuntimeError: the file is there" in done.stderr
    assert server.who().pid == worker
    (tmp_path / "broken").unlink()
    assert desk.run("restart", "0").returncode == 0
    assert server.who().pid != worker


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["restart", "2"], "Error: there is no slot 2; slots are 0 to 1"),
        (["restart", "one"], "'one' is no slot"),
        (["dump", "7"], "Error: there is no slot 7"),
    ],
)
def test_slot_that_does_not_exist_is_refused(
    server: Cluster, desk: Desk, words: list[str], told: str
) -> None:
    done = desk.run(*words)

    assert done.returncode != 0
    assert told in done.stderr


# --- dump


def test_dump_shows_where_a_worker_is_and_it_goes_on(
    server: Cluster, desk: Desk, connect: Connect, gate: Callable[[], Gate]
) -> None:
    door = gate()
    wire = connect(server).send(get(door.url()))
    slot = [server.worker_in(0), server.worker_in(1)].index(server.worker_at(door))

    done = desk.run("dump", str(slot))

    assert 'process.py", line' in done.stdout
    assert "in gate" in done.stdout
    assert "in gate" not in server.log
    door.open()
    assert wire.read_response().status == 200


def test_dump_shows_where_a_worker_is_that_does_not_come_up(
    start: Start, desk: Desk, gate: Callable[[], Gate]
) -> None:
    door = gate()
    options = ["-w", "1", "-b", "127.0.0.1:0", *desk.options]
    server = start("slow_import:app", *options, env={"GATE": str(door.path)}, is_up=False)
    door.wait_for_request()

    dumps = [desk.run("dump", "0").stdout for _ in range(3)]
    door.open()
    server.wait_for_start()

    assert all("in wait_at_the_gate" in dump for dump in dumps)
    assert "died" not in server.log


def test_dump_that_comes_while_a_worker_is_forked_kills_nobody(start: Start, desk: Desk) -> None:
    server = start("process:app", *desk.options, workers=1, command=EAGER)

    with Client(desk.socket) as client:
        for _ in range(20):
            (victim,) = server.workers
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: server.workers not in ([], [victim]))  # noqa: B023
            assert "worker/main.py" in client.dump(0)
            wait_until(lambda: client.status()["slots"][0]["state"] == "ready")

        assert client.status()["ends"] == {"signal": 20}


@pytest.mark.slow
def test_dump_of_a_stopped_worker_fails(server: Cluster, desk: Desk) -> None:
    os.kill(server.worker_in(0), signal.SIGSTOP)

    done = desk.run("dump", "0")

    os.kill(server.worker_in(0), signal.SIGCONT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "says nothing: it is stopped, or still starting" in done.stderr


# --- stop


def test_stop_returns_when_the_server_has_ended(
    server: Cluster, desk: Desk, connect: Connect, gate: Callable[[], Gate]
) -> None:
    door = gate()
    wire = connect(server).send(get(door.url()))
    door.wait_for_request()
    with subprocess.Popen(
        [sys.executable, "-m", "fastfork", "stop", *desk.options], stdout=subprocess.PIPE
    ) as stop:
        server.wait_for_log("fastfork stop: draining")
        assert stop.poll() is None

        door.open()

        assert wire.read_response().status == 200
        assert stop.communicate(timeout=20)[0] == b"stopped\n"
    assert server.wait_for_end() == 0
    assert not desk.socket.exists()


def test_stop_now_waits_for_nothing(
    server: Cluster, desk: Desk, connect: Connect, gate: Callable[[], Gate]
) -> None:
    door = gate()
    connect(server).send(get(door.url()))
    door.wait_for_request()

    assert desk.run("stop", "--now").returncode == 0

    assert server.wait_for_end() == 0


# --- finding the server


def test_command_finds_the_only_server_and_lists_several(start: Start, desk: Desk) -> None:
    env = {"XDG_RUNTIME_DIR": str(desk.folder)}
    nobody = desk.search("status")
    start("process:app", "-w", "1", "-b", "127.0.0.1:0", "--name", "shop", env=env)
    only = desk.search("status")
    second = start("process:app", "-w", "1", "-b", "127.0.0.1:0", env=env)
    several = desk.search("status")
    named = desk.search("status", "--name", f"process-app-{second.port}")

    assert nobody.returncode == 1
    assert "Error: no server runs here" in nobody.stderr
    assert "fastfork serve" in nobody.stderr
    assert only.stdout.startswith("shop: process:app")
    assert several.returncode == 1
    assert f"several servers run here: process-app-{second.port}, shop" in several.stderr
    assert f"pid {second.pid}" in named.stdout


def test_socket_of_a_killed_server_is_taken_over(start: Start, desk: Desk) -> None:
    first = start("process:app", *desk.options, workers=1)
    first.exit_code = -signal.SIGKILL
    first.process.kill()
    first.wait_for_end()
    assert desk.socket.exists()

    start("process:app", *desk.options, workers=1)

    assert desk.run("status").returncode == 0


def test_socket_is_for_this_user_alone(server: Cluster, desk: Desk) -> None:
    assert desk.socket.stat().st_mode & 0o777 == 0o600


def test_server_without_a_place_for_its_socket_serves_all_the_same(
    start: Start, desk: Desk
) -> None:
    server = start("process:app", "--control-socket", str(desk.folder / "no" / "socket"))

    assert server.ask()
    assert "[WARNING] no control socket: can't listen on" in server.log
    assert "by signals only" in server.log


def test_server_can_have_no_control_socket(start: Start, desk: Desk) -> None:
    server = start("process:app", *desk.options, "--no-control-socket")

    assert server.ask()
    assert not desk.socket.exists()
    assert "control" not in server.log


# --- the protocol


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"GET / HTTP/1.1\n", "not a message"),
        (b'{"command":"fly"}\n', "there is no command 'fly'; there are: status"),
        (b'{"command":"status","version":2}\n', "version 1 of the control protocol, not 2"),
        (b'{"command":"restart","arguments":{"slot":"x"}}\n', "the argument 'slot' can't be 'x'"),
        (b'{"command":"dump","arguments":{}}\n', "the argument 'slot' can't be None"),
    ],
)
def test_wrong_request_is_answered_and_the_next_one_too(
    server: Cluster, desk: Desk, line: bytes, told: str
) -> None:
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as file:
        sock.connect(str(desk.socket))
        sock.sendall(line + b'{"command":"status"}\n')

        wrong, right = json.loads(file.readline()), json.loads(file.readline())

    assert not wrong["ok"]
    assert told in wrong["error"]
    assert right["result"]["pid"] == server.pid


def test_requests_behind_a_slow_one_are_answered_in_order(server: Cluster, desk: Desk) -> None:
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as file:
        sock.connect(str(desk.socket))
        sock.sendall(b'{"command":"restart","arguments":{"slot":0}}\n{"command":"status"}\n')

        replies = [json.loads(file.readline())["result"] for _ in range(2)]

    assert replies[0] == {"restarted": [0]}
    assert replies[1]["slots"][0]["restarts"] == 1


def test_client_that_reads_nothing_holds_nobody_up(
    server: Cluster, client: Client, desk: Desk
) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(desk.socket))
        sock.settimeout(20)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            sock.sendall(b'{"command":"status"}\n' * 100_000)

    assert client.status()["state"] == "serving"
    assert server.ask()


def test_clients_leave_nothing_behind(server: Cluster, client: Client, desk: Desk) -> None:
    client.status()  # the master has accepted it by now
    before = server.master_fds()

    for _ in range(50):
        with Client(desk.socket) as other:
            other.status()
            other.dump(0)

    wait_until(lambda: server.master_fds() == before)


def test_server_that_ends_is_told_to_who_waits(server: Cluster, client: Client) -> None:
    server.exit_code = -signal.SIGKILL
    server.process.kill()

    with pytest.raises(ControlError, match="the server"):
        client.status()


# --- logs and top


def test_logs_are_followed_into_the_next_file(
    start: Start, desk: Desk, sessions: Sessions, tmp_path: Path
) -> None:
    log = tmp_path / "error"
    server = start("process:app", *desk.options, "--error-logfile", str(log), is_up=False)
    wait_until(lambda: log.exists() and "Listening at" in log.read_text())
    last = desk.run("logs", "-n", "1")
    seen = tmp_path / "seen"
    command = [sys.executable, "-m", "fastfork", "logs", "-f", *desk.options]
    follower = sessions.start(command, cwd=APPS, log=seen)
    wait_until(lambda: "Listening at" in seen.read_text())

    log.rename(tmp_path / "old")
    os.kill(server.pid, signal.SIGUSR1)
    wait_until(log.exists)
    server.process.terminate()
    wait_until(lambda: "stopped" in seen.read_text())

    assert "Listening at" in last.stdout
    assert last.stdout.count("\n") == 1
    assert "reopening the logs" in seen.read_text()
    follower.kill()
    follower.wait()


def test_logs_that_are_no_file_are_explained(server: Cluster, desk: Desk) -> None:
    done = desk.run("logs")

    assert done.returncode == 1
    assert "the error log of this server is no file" in done.stderr


def test_top_prints_once_where_there_is_no_terminal(server: Cluster, desk: Desk) -> None:
    done = desk.run("top")

    assert done.returncode == 0
    assert str(server.worker_in(1)) in done.stdout


@pytest.mark.slow
def test_top_restarts_and_scales_and_quits_by_keys(server: Cluster, desk: Desk) -> None:
    before = server.worker_in(1)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fastfork", "top", *desk.options]
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "140", "LINES": "40"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as top:
        os.close(theirs)
        shown = bytearray()

        def shows(text: str) -> bool:
            shown.extend(os.read(ours, 65_536))
            return text.encode() in shown

        wait_until(lambda: shows("req/s"))
        os.write(ours, b"s")
        wait_until(lambda: shows("req/s*"))
        os.write(ours, b"r1\n")
        wait_until(lambda: shows("restart 1: done"))
        os.write(ours, b"+")
        wait_until(lambda: shows("scale +1: done"))
        os.write(ours, b"q")
        wait_until(lambda: _has_ended(top, ours))

        assert top.returncode == 0
    os.close(ours)
    assert server.worker_in(1) != before
    assert server.worker_in(2) in server.workers


def _has_ended(process: subprocess.Popen[bytes], terminal: int) -> bool:
    try:
        os.read(terminal, 65_536)  # it may wait for room
    except OSError:
        pass  # nobody has the other end any more
    return process.poll() is not None

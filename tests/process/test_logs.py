"""Log files while the server runs: reopened, rotated, captured, configured, full."""

from __future__ import annotations

import gzip
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start, answer
from fix_fds import open_fds
from fix_processes import wait_until
from fix_wire import Connect, get

FORMAT = "%(slot)s %(m)s %(U)s"


def ask_everyone(server: Cluster, path: str = "/") -> None:
    """Have both workers answer; who gets no CPU for some ms is passed over, so perhaps not in turn."""
    seen: set[int] = set()
    while seen != {0, 1}:
        seen.add(answer(server.ask(path)).slot)


def test_usr1_reopens_the_logs_of_all_processes(start: Start, tmp_path: Path) -> None:
    access, error = tmp_path / "access", tmp_path / "error"
    options = ["--access-logfile", str(access), "--error-logfile", str(error)]
    server = start("process:app", *options, "--access-log-format", FORMAT, is_up=False)
    wait_until(lambda: error.exists() and "Listening at" in error.read_text())
    server.url = re.findall(r"Listening at: http://(\S+)", error.read_text())[0]
    ask_everyone(server)
    wait_until(lambda: set(access.read_text().splitlines()) == {"0 GET /", "1 GET /"})

    for path in (access, error):
        path.rename(f"{path}.old")
    os.kill(server.pid, signal.SIGUSR1)
    wait_until(lambda: access.exists() and _writers(server, f"{access}.old") == 0)
    ask_everyone(server, "/new")

    wait_until(lambda: set(access.read_text().splitlines()) == {"0 GET /new", "1 GET /new"})
    assert "/new" not in (tmp_path / "access.old").read_text()
    wait_until(lambda: _writers(server, str(error)) == 3)
    assert "reopening the logs" in (tmp_path / "error.old").read_text()


def _writers(server: Cluster, path: str) -> int:
    return sum(path in open_fds(pid).values() for pid in (server.pid, *server.workers))


@pytest.mark.slow
def test_large_log_is_renamed_and_compressed_and_no_line_is_lost(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    access = tmp_path / "access"
    options = ["--access-logfile", str(access), "--log-max-size", "1", "--log-compress"]
    server = start("process:app", *options, "--access-log-format", "%(r)s")
    wires = [connect(server) for _ in range(4)]
    asked = 0

    def ask_until_renamed() -> bool:
        nonlocal asked
        for wire in wires:
            path = f"/{asked:06d}?{'x' * 4000}"
            assert wire.send(get(path)).read_response().status == 200
            asked += 1
        return any(tmp_path.glob("access.*"))

    wait_until(ask_until_renamed)
    for _ in range(10):
        ask_until_renamed()
    wait_until(lambda: [path.suffix for path in tmp_path.glob("access.*")] == [".gz"])
    (old,) = tmp_path.glob("access.*")
    server.process.terminate()
    server.wait_for_end()

    with gzip.open(old, "rt") as file:
        lines = file.read().splitlines() + access.read_text().splitlines()
    assert sorted(line[5:11] for line in lines) == [f"{i:06d}" for i in range(asked)]


def test_output_of_the_application_can_be_captured(start: Start, tmp_path: Path) -> None:
    error, access = tmp_path / "error", tmp_path / "access"
    options = ["--error-logfile", str(error), "--access-logfile", str(access), "--capture-output"]
    server = start("chatty:app", *options, workers=1, is_up=False)
    wait_until(lambda: error.exists() and "Listening at" in error.read_text())
    server.url = re.findall(r"Listening at: http://(\S+)", error.read_text())[0]

    told = server.ask("/?this")

    assert told == b"1 1"
    printed = {"printed this", "complained this", "echoed this"}
    wait_until(lambda: printed <= set(error.read_text().splitlines()))
    assert re.search(r"^\[.*\] \[WARNING\] logged this$", error.read_text(), re.MULTILINE)
    assert "whispered" not in error.read_text()
    wait_until(lambda: "accessed this\n" in access.read_text())
    assert "printed" not in server.log


def test_loggers_of_the_server_lead_to_its_logs_without_any_option(start: Start) -> None:
    server = start("chatty:app", workers=1)

    assert server.ask("/?this") == b"1 0"

    wait_until(lambda: re.search(r"\[WARNING\] logged this$", server.log, re.MULTILINE))


CONFIGURATION = {
    "formatters": {"short": {"format": "%(levelname)s <%(message)s>"}},
    "handlers": {
        "error": {"class": "logging.FileHandler", "filename": "E", "formatter": "short"},
        "access": {"class": "logging.FileHandler", "filename": "A", "formatter": "short"},
    },
    "loggers": {
        "fastfork.error": {"handlers": ["error"], "level": "INFO"},
        "fastfork.access": {"handlers": ["access"], "level": "INFO"},
    },
}


def test_configuration_of_logging_decides_where_lines_go(start: Start, tmp_path: Path) -> None:
    error, access, config = tmp_path / "error", tmp_path / "access", tmp_path / "log.json"
    text = json.dumps(CONFIGURATION).replace('"E"', f'"{error}"').replace('"A"', f'"{access}"')
    config.write_text(text)
    options = ["--log-config", str(config), "--access-log-format", FORMAT]
    server = start("process:app", *options, is_up=False)
    wait_until(lambda: error.exists() and "Listening at" in error.read_text())
    server.url = re.findall(r"Listening at: http://([^>\s]+)", error.read_text())[0]
    ask_everyone(server)
    wait_until(lambda: set(access.read_text().splitlines()) == {"INFO <0 GET />", "INFO <1 GET />"})

    access.rename(tmp_path / "old")
    os.kill(server.pid, signal.SIGUSR1)
    wait_until(lambda: access.exists() and _writers(server, str(tmp_path / "old")) == 0)
    ask_everyone(server, "/new")

    new = {"INFO <0 GET /new>", "INFO <1 GET /new>"}
    wait_until(lambda: set(access.read_text().splitlines()) == new)
    assert "INFO <worker 1 (pid" in error.read_text()
    assert server.log == ""


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("none.json", None, "can't read"),
        ("none.ini", None, "can't read"),
        ("bad.json", "{", "can't be used"),
        ("bad.toml", "loggers = 3", "can't be used"),
        ("bad.ini", "[loggers]", "can't be used"),
    ],
)
def test_configuration_of_logging_that_is_wrong_is_refused(
    start: Start, tmp_path: Path, name: str, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)

    server = start("process:app", "--log-config", str(tmp_path / name), is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "Error: log_config: " in server.log
    assert told in server.log


def test_a_reader_of_the_access_log_that_stalls_costs_lines_and_no_request(
    start: Start, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    command = ["sh", "-c", f'exec "$@" >{fifo}', "sh", sys.executable, "-m", "fastfork"]
    options = ["--access-logfile", "-", "--access-log-format", "%(r)s"]

    server = start("process:app", *options, command=command)
    statuses = [bool(server.ask(f"/{i:03d}?{'x' * 4000}")) for i in range(100)]
    kept = os.read(reader, 1 << 20).decode()
    server.ask("/last")

    assert statuses == [True] * 100
    assert 0 < kept.count("\n") < 100
    assert all(re.fullmatch(r"GET /\d{3}\?x{4000} HTTP/1\.1", line) for line in kept.splitlines())
    wait_until(lambda: select.select([reader], [], [], 0)[0])
    assert os.read(reader, 1 << 20) == b"GET /last HTTP/1.1\n"
    os.close(reader)


def test_request_that_waited_says_for_how_long(
    start: Start, connect: Connect, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    access = tmp_path / "access"
    options = ["--access-logfile", str(access), "--access-log-format", "%(U)s %(wait)s %(L)s"]
    server = start("process:app", *options, workers=1)
    door, second = gate(), connect(server)

    connect(server).send(get(door.url()))
    door.wait_for_request()
    second.send(get("/"))
    sent = time.monotonic()
    wait_until(lambda: time.monotonic() > sent + 0.25)
    door.open()
    second.read_response()

    wait_until(lambda: access.read_text().count("\n") == 2)
    waited = {line.split()[0]: float(line.split()[1]) for line in access.read_text().splitlines()}
    assert waited["/gate"] < 0.2 < waited["/"] < 5

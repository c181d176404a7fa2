"""Large answers to slow readers: lists and files go out beside what the application runs, not in memory."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start, resident
from fix_fds import open_fds
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

BODY = bytes(range(250)) * 40_000
"""10 MB: no socket takes that much, and no connection may have it waiting in memory."""

APP = """
import io, os

BODY = bytes(range(250)) * 40_000

def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = b"hello" if path == "/hello" else BODY
    start_response("200 OK", [("Content-Length", str(len(body)))] if path != "/file-in-chunks" else [])
    if path == "/parts":
        return [body[at : at + 1000] for at in range(0, len(body), 1000)]
    if path == "/wrapped":
        return environ["wsgi.file_wrapper"](io.BytesIO(body))
    if path.startswith("/file"):
        return environ["wsgi.file_wrapper"](open("body", "rb"))
    return [body]
"""

WAYS = ["/list", "/parts", "/wrapped", "/file"]

Serve = Callable[..., Cluster]


@pytest.fixture
def large(start: Start, tmp_path: Path) -> Serve:
    """Start the application with its body in a file, too."""
    (tmp_path / "large.py").write_text(APP)
    (tmp_path / "body").write_bytes(BODY)

    def begin(*options: str) -> Cluster:
        return start("large:app", *options, workers=1, cwd=tmp_path)

    return begin


def files_of(server: Cluster) -> list[str]:
    """Return the files that the worker has open for answers."""
    names = open_fds(server.worker_in(0)).values()
    return [name for name in names if name.endswith(("/body", " (deleted)"))]


def ask_slowly(server: Cluster, connect: Connect, path: str, *more: bytes) -> Wire:
    """Return a connection whose answer waits for us to read."""
    wire = connect(server).send(get(path), *more)
    wait_until(lambda: files_of(server))
    return wire


def is_cut(wire: Wire) -> bool:
    """Has the server ended the connection both ways? Reads nothing."""
    poll = select.poll()
    poll.register(wire.sock, 0)
    return bool(poll.poll(0))


@pytest.mark.parametrize("path", WAYS)
def test_slow_reader_of_a_large_answer_holds_no_thread(
    large: Serve, connect: Connect, path: str
) -> None:
    server = large()
    slow = ask_slowly(server, connect, path, get("/hello"))

    assert [server.ask("/hello") for _ in range(3)] == [b"hello"] * 3

    assert slow.read_response().body == BODY
    assert slow.read_response().body == b"hello"
    wait_until(lambda: not files_of(server))


def test_several_large_answers_in_a_row_are_whole_and_in_order(
    large: Serve, connect: Connect
) -> None:
    server = large()
    wire = connect(server).send(*map(get, ["/hello", *WAYS, "/file-in-chunks", "/hello"]))

    bodies = [wire.read_response().body for _ in range(7)]

    assert bodies == [b"hello", *[BODY] * 5, b"hello"]


def test_many_slow_readers_take_no_memory(large: Serve, connect: Connect) -> None:
    server = large()
    ask_slowly(server, connect, "/list").read_response()
    before = resident(server.worker_in(0))

    wires = [connect(server).send(get("/list")) for _ in range(30)]
    wait_until(lambda: len(files_of(server)) == 30)

    assert resident(server.worker_in(0)) - before < 60 << 20  # of 300 MB
    assert wires[-1].read_response().body == BODY


def test_without_files_an_answer_waits_in_its_thread(large: Serve, connect: Connect) -> None:
    server = large("--max-spool", "0")

    assert connect(server).send(get("/list")).read_response().body == BODY


@pytest.mark.parametrize("path", ["/list", "/file"])
def test_reader_of_a_large_answer_that_stalls_is_cut(
    large: Serve, connect: Connect, path: str
) -> None:
    server = large("--write-timeout", "0.3")

    slow = connect(server).send(get(path))

    wait_until(lambda: is_cut(slow))
    assert server.ask("/hello") == b"hello"
    assert not files_of(server)
    with pytest.raises((AssertionError, ConnectionResetError)):
        slow.read_response()


def test_file_that_becomes_shorter_while_its_reader_is_slow_cuts_the_answer(
    large: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = large()
    slow = ask_slowly(server, connect, "/file")

    os.truncate(tmp_path / "body", 1000)

    with pytest.raises((AssertionError, ConnectionResetError)):
        slow.read_response()
    server.wait_for_log("an answer was cut: the file of the response became shorter while it was")
    assert server.ask("/hello") == b"hello"


@pytest.mark.parametrize("path", ["/list", "/file"])
def test_connection_lives_on_when_its_worker_dies_after_a_large_answer(
    large: Serve, connect: Connect, path: str
) -> None:
    server = large()
    wire = connect(server).send(get(path))
    assert wire.read_response().body == BODY
    server.wait_for_rest()

    server.replace(0)

    assert wire.send(get("/hello")).read_response().body == b"hello"


def test_server_that_stops_waits_for_slow_readers_of_files(large: Serve, connect: Connect) -> None:
    server = large()
    slow = ask_slowly(server, connect, "/file")

    server.process.terminate()
    server.wait_for_log("draining")

    assert slow.read_response().body == BODY
    assert server.wait_for_end() == 0

"""Bodies that are too large for memory wait in a file: nobody's thread waits for their client."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Start
from fix_fds import open_fds
from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, chunked, get, post

BODY = b"".join(b"%d line\n" % number for number in range(20_000))
"""Some 200 kB: far more than --body-buffer in these tests, and than is gathered before it is written."""

OPTIONS = ("--body-buffer", "1000")

Framed = Callable[[str, bytes], bytes]


def in_chunks(path: str, body: bytes) -> bytes:
    """Return a request with *body* in chunks of 5,000 octets."""
    parts = [body[at : at + 5000] for at in range(0, len(body), 5000)]
    return get(path, "Transfer-Encoding: chunked", method="POST") + chunked(*parts)


def with_length(path: str, body: bytes) -> bytes:
    """Return a request with *body* and its length."""
    return post(body, path)


def files_of(server: Server) -> int:
    """Return how many temporary files the workers have open."""
    return sum(
        what.endswith("(deleted)") and "socket:" not in what
        for worker in server.workers
        for what in open_fds(worker).values()
    )


@pytest.fixture(scope="module", params=["app", "validated"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application as it is, and under the validator of the standard library."""
    return shared(f"content:{request.param}", *OPTIONS)


WAYS = [
    ("/read", BODY),
    ("/blocks", BODY),
    ("/length", str(len(BODY)).encode()),
    ("/lines", repr(BODY.splitlines(keepends=True)).encode()),
    ("/line", repr([BODY[:7], BODY[7:]]).encode()),
    ("/beyond", repr([BODY[:1000], BODY[1000:1001], BODY[1001:].split(b"\n")[0] + b"\n"]).encode()),
    ("/ignore", b""),
]


@pytest.mark.parametrize("framed", [with_length, in_chunks])
@pytest.mark.parametrize(("path", "expected"), WAYS, ids=[path for path, _ in WAYS])
def test_large_content_is_read_like_any_other_and_what_follows_is_not_lost(
    server: Server, connect: Connect, framed: Framed, path: str, expected: bytes
) -> None:
    wire = connect(server).send(framed(path, BODY) + post(b"next", "/read"))

    assert wire.read_response().body == expected
    assert wire.read_response().body == b"next"
    assert files_of(server) == 0


@pytest.mark.parametrize("framed", [with_length, in_chunks])
def test_client_that_sends_slowly_holds_no_thread(
    shared: Serve, connect: Connect, framed: Framed
) -> None:
    server = shared("content:app", *OPTIONS)
    request = framed("/length", BODY)
    slow = connect(server).send(request[:-10])
    wait_until(lambda: files_of(server) == 1)

    for _ in range(3):
        assert connect(server).send(post(b"quick", "/read")).read_response().body == b"quick"

    assert slow.send(request[-10:]).read_response().body == str(len(BODY)).encode()
    wait_until(lambda: files_of(server) == 0)


def test_client_that_asks_first_is_told_to_go_on(shared: Serve, connect: Connect) -> None:
    length = f"Content-Length: {len(BODY)}"
    wire = connect(shared("content:app", *OPTIONS))

    wire.send(get("/length", length, "Expect: 100-continue", method="POST"))

    assert wire.read_head().status == 100
    assert wire.send(BODY).read_response().body == str(len(BODY)).encode()


def test_client_that_leaves_takes_its_file_along(shared: Serve, connect: Connect) -> None:
    server = shared("content:app", *OPTIONS)
    wire = connect(server).send(with_length("/length", BODY)[:-10])
    wait_until(lambda: files_of(server) == 1)

    wire.close()

    wait_until(lambda: files_of(server) == 0)


@pytest.mark.parametrize("framed", [with_length, in_chunks])
def test_what_is_larger_than_a_file_may_be_is_streamed(
    shared: Serve, connect: Connect, framed: Framed
) -> None:
    server = shared("content:careless", *OPTIONS, "--max-spool", "50000")
    request = framed("/", BODY)
    wire = connect(server).send(request[:-10])
    wire.read_until(b"begun\n")

    rest = wire.send(request[-10:]).read_until(b"0\r\n\r\n")

    assert str(len(BODY)).encode() in rest
    assert files_of(server) == 0


def test_full_disk_is_answered_507_and_logged(start: Start, connect: Connect) -> None:
    server = start("content:app", *OPTIONS, workers=1)
    worker = server.worker_in(0)
    hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (100_000, hard))
    wire = connect(server).send(post(BODY, "/length"))

    assert wire.read_response().status == 507
    assert wire.is_ended()

    server.wait_for_log("the body of a request can't be kept in ")
    assert connect(server).send(post(b"ok", "/read")).read_response().body == b"ok"
    wait_until(lambda: files_of(server) == 0)


def test_directory_that_is_gone_is_answered_503_and_logged(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    server = start("content:app", *OPTIONS, "--spool-dir", str(folder), workers=1)
    assert connect(server).send(post(BODY, "/read")).read_response().body == BODY
    assert os.listdir(folder) == []
    folder.rmdir()

    assert connect(server).send(post(BODY, "/length")).read_response().status == 503

    server.wait_for_log(f"can't be kept in {folder}: No such file or directory; it was refused")
    assert connect(server).send(post(b"ok", "/read")).read_response().body == b"ok"


def test_directory_that_is_not_there_ends_the_start(start: Start) -> None:
    server = start("content:app", "--spool-dir", "/nowhere", workers=1, is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "spool_dir: can't make files in '/nowhere'" in server.log

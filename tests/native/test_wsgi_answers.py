"""Every way to answer that PEP 3333 allows."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, get

LARGE = bytes(range(256)) * 16384


@pytest.fixture(scope="module", params=["app", "validated"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application as it is, and under the validator of the standard library."""
    return shared(f"answers:{request.param}")


@pytest.mark.parametrize(
    ("path", "framing", "body"),
    [
        ("/hello", "Content-Length", b"Hello, World!"),
        ("/tuple", "Content-Length", b"Hello, World!"),
        ("/nothing", "Content-Length", b""),
        ("/with-length", "Content-Length", b"abcdef"),
        ("/generator", "Transfer-Encoding", b"one,two,three"),
        ("/empty-generator", "Content-Length", b""),
        ("/late-start", "Transfer-Encoding", b"late"),
        ("/write", "Transfer-Encoding", b"written,again,returned"),
        ("/large", "Content-Length", LARGE),
        ("/large-generator", "Transfer-Encoding", LARGE),
        ("/replaced", "Content-Length", b"replaced"),
        ("/part-of-buffer", "Content-Length", b"in "),
        ("/buffer", "Transfer-Encoding", b"in memory"),
    ],
)
def test_body_arrives_in_its_framing(
    shared: Serve, connect: Connect, path: str, framing: str, body: bytes
) -> None:
    wire = connect(shared("answers:app"))

    response = wire.send(get(path)).read_response()

    assert response.body == body
    assert len(response.all(framing)) == 1
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hello", b"Hello, World!"),
        ("/generator", b"one,two,three"),
        ("/empty-generator", b""),
        ("/write", b"written,again,returned"),
        ("/large-generator", LARGE),
        ("/buffer", b"in memory"),
        ("/replaced", b"replaced"),
        ("/no-content", b""),
    ],
)
def test_validator_has_nothing_to_say(
    server: Server, connect: Connect, path: str, body: bytes
) -> None:
    assert connect(server).send(get(path)).read_response().body == body


@pytest.mark.parametrize(
    "path",
    ["/hello", "/generator", "/empty-generator", "/large", "/large-generator", "/write", "/buffer"],
)
def test_head_is_answered_without_body(server: Server, connect: Connect, path: str) -> None:
    wire = connect(server)

    response = wire.send(get(path, method="HEAD")).read_response(to_head=True)

    assert response.status == 200
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


def test_head_of_a_list_has_the_length_of_its_body(shared: Serve, connect: Connect) -> None:
    wire = connect(shared("answers:app")).send(get("/hello", method="HEAD"))

    assert wire.read_response(to_head=True)["Content-Length"] == "13"


@pytest.mark.parametrize(("path", "status"), [("/no-content", 204), ("/not-modified", 304)])
def test_answer_without_a_body_has_no_framing(
    shared: Serve, connect: Connect, path: str, status: int
) -> None:
    wire = connect(shared("answers:app"))

    response = wire.send(get(path)).read_response()

    assert response.status == status
    assert response.all("Content-Length") == response.all("Transfer-Encoding") == []
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


def test_headers_keep_order_and_number(server: Server, connect: Connect) -> None:
    response = connect(server).send(get("/hello")).read_response()

    own = [field for field in response.fields if field[0].startswith("X-")]
    assert own == [("X-First", "1"), ("X-Second", "2"), ("X-First", "3")]
    assert response["Server"] == "fastfork"
    assert response["Date"].endswith(" GMT")


def test_headers_of_a_replaced_answer_are_gone(server: Server, connect: Connect) -> None:
    response = connect(server).send(get("/replaced")).read_response()

    assert (response.status, response.all("X-Begun")) == (503, [])


def test_parts_are_sent_as_they_come(shared: Serve, connect: Connect, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(b"")
    wire = connect(shared("stream:app")).send(get(f"/?{lines}"))

    with lines.open("ab", buffering=0) as file:
        file.write(b"first\n")
        first = wire.read_until(b"6\r\nfirst\n\r\n")
        file.write(b"second\n")
        second = wire.read(12)
        file.write(b"end\n")
    rest = wire.read(5)

    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (second, rest) == (b"7\r\nsecond\n\r\n", b"0\r\n\r\n")


def test_file_is_sent_from_where_it_stands(shared: Serve, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(LARGE)
    wire = connect(shared("answers:app"))

    response = wire.send(get(f"/file?{file}")).read_response()

    assert response["Content-Length"] == str(len(LARGE) - 1)
    assert response.body == LARGE[1:]
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


def test_file_is_sent_up_to_its_content_length(
    shared: Serve, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abcdef")
    wire = connect(shared("answers:app"))

    response = wire.send(get(f"/part-of-file?{file}")).read_response()

    assert (response["Content-Length"], response.body) == ("3", b"abc")
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


def test_file_that_answers_head_is_not_sent(
    shared: Serve, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abcdef")
    wire = connect(shared("answers:app"))

    response = wire.send(get(f"/file?{file}", method="HEAD")).read_response(to_head=True)

    assert response["Content-Length"] == "5"
    assert wire.send(get("/hello")).read_response().body == b"Hello, World!"


def test_empty_file_is_an_empty_answer(shared: Serve, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")

    response = connect(shared("answers:app")).send(get(f"/file?{file}")).read_response()

    assert (response["Content-Length"], response.body) == ("0", b"")


def test_file_with_other_octets_than_on_disk_is_read(
    shared: Serve, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "file.gz"
    file.write_bytes(gzip.compress(b"plain" * 1000))

    response = connect(shared("answers:app")).send(get(f"/unzipped?{file}")).read_response()

    assert response.body == b"plain" * 1000


def test_file_without_a_true_size_is_read(shared: Serve, connect: Connect) -> None:
    response = connect(shared("answers:app")).send(get("/kernel-file")).read_response()

    assert b"fastfork\0serve\0" in response.body


def test_file_is_closed(shared: Serve, connect: Connect, tmp_path: Path) -> None:
    server = shared("answers:app")
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    wire = connect(server).send(get(f"/file?{file}"))
    wire.read_response()

    (worker,) = server.workers
    fds = Path(f"/proc/{worker}/fd")

    # The client has its answer before the application's clean-up begins.
    wait_until(lambda: file not in [fd.readlink() for fd in fds.iterdir() if fd.is_symlink()])


@pytest.mark.parametrize("path", ["/close", "/close-list"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_called_once(server: Server, connect: Connect, path: str, method: str) -> None:
    name = f"{path}-{method}"
    wire = connect(server).send(get(f"{path}?{name}", method=method))
    wire.read_response(to_head=method == "HEAD")

    closed = wire.send(get("/closed")).read_response().body.split()

    assert closed.count(name.encode()) == 1


def test_close_is_called_when_the_client_goes_away(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/endless?gone"))
    wire.read(100_000)
    wire.close()

    other = connect(server)
    wait_until(lambda: b"gone" in other.send(get("/closed")).read_response().body)
    closed = other.send(get("/closed")).read_response().body.split()

    assert closed.count(b"gone") == 1
    assert "gone" not in server.log.replace("?gone", "")
    assert "Traceback" not in server.log


def test_client_that_reads_nothing_is_given_up(serve: Serve, connect: Connect) -> None:
    server = serve("answers:app", "--write-timeout", "0.2")
    slow = connect(server).send(get("/endless?slow"))

    other = connect(server)
    closed = other.send(get("/closed")).read_response().body

    assert closed == b"slow"
    assert "ERROR" not in server.log
    slow.close()


def test_wsgi_errors_goes_to_the_error_log(server: Server, connect: Connect) -> None:
    connect(server).send(get("/errors")).read_response()

    server.wait_for_log("noted by the application\nline 1\nline 2\n")

"""wsgi.input: all of the content, nothing behind it, and never a part for the whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, chunked, get, post

LINES = b"aa\nbbb\n\nlast"

Framed = Callable[[str, bytes], bytes]


def in_chunks(path: str, body: bytes) -> bytes:
    """Return a request with *body* in chunks of four octets."""
    parts = [body[at : at + 4] for at in range(0, len(body), 4)]
    return get(path, "Transfer-Encoding: chunked", method="POST") + chunked(*parts)


def with_length(path: str, body: bytes) -> bytes:
    """Return a request with *body* and its length."""
    return post(body, path)


@pytest.fixture(scope="module", params=["app", "validated"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application as it is, and under the validator of the standard library."""
    return shared(f"content:{request.param}")


@pytest.fixture(scope="module")
def streaming(shared: Serve) -> Server:
    """Give a server that runs the application as soon as the head is there."""
    return shared("content:app", "--max-spool", "0", "--body-buffer", "0", "--body-timeout", "0.3")


WAYS = [
    ("/read", LINES, LINES),
    ("/steps", b"abcdefgh", [b"abc", b"def", b"gh"]),
    ("/blocks", LINES, LINES),
    ("/line", LINES, [b"aa\n", b"bbb\n\nlast"]),
    ("/some-of-line", LINES, [b"aa", b"\n"]),
    ("/lines", LINES, [b"aa\n", b"bbb\n", b"\n", b"last"]),
    ("/lines-by-hint", LINES, [b"aa\n"]),
    ("/lines-by-hint", b"a\nb\nc\n", [b"a\n", b"b\n"]),
    ("/iterate", LINES, [b"aa\n", b"bbb\n", b"\n", b"last"]),
    ("/iterate", b"\n", [b"\n"]),
    ("/beyond", LINES, [LINES, b"", b""]),
    ("/nothing-of-it", LINES, [b"", b"", LINES]),
    ("/read", b"", b""),
    ("/lines", b"", []),
    ("/line", b"", [b"", b""]),
]


@pytest.mark.parametrize("framed", [with_length, in_chunks])
@pytest.mark.parametrize(("path", "body", "expected"), WAYS)
def test_content_is_read_as_a_file(
    server: Server, connect: Connect, framed: Framed, path: str, body: bytes, expected: object
) -> None:
    wire = connect(server).send(framed(path, body))

    response = wire.read_response()

    assert response.body == (expected if isinstance(expected, bytes) else repr(expected).encode())
    assert wire.send(get("/read")).read_response().body == b""


@pytest.mark.parametrize("framed", [with_length, in_chunks])
@pytest.mark.parametrize(("path", "body", "expected"), WAYS)
def test_content_that_comes_later_is_read_as_a_file(
    streaming: Server, connect: Connect, framed: Framed, path: str, body: bytes, expected: object
) -> None:
    octets = framed(path, body)
    wire = connect(streaming).send(*(octets[at : at + 1] for at in range(len(octets))))

    response = wire.read_response()

    assert response.body == (expected if isinstance(expected, bytes) else repr(expected).encode())


@pytest.mark.parametrize("path", ["/length", "/blocks"])
@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 5_000_000])
def test_large_content_arrives_whole(
    server: Server, connect: Connect, path: str, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    wire = connect(server).send(post(body, path))

    response = wire.read_response()

    assert response.body == (body if path == "/blocks" else str(size).encode())
    assert wire.send(get("/read")).read_response().status == 200


def test_large_chunked_content_arrives_whole(server: Server, connect: Connect) -> None:
    part = b"x" * 100_000
    request = get("/length", "Transfer-Encoding: chunked", method="POST") + chunked(*[part] * 30)

    assert connect(server).send(request).read_response().body == b"3000000"


def test_next_request_is_not_content(server: Server, connect: Connect) -> None:
    wire = connect(server).send(post(b"first", "/read") + post(b"second", "/read"))

    assert [wire.read_response().body for _ in range(2)] == [b"first", b"second"]


def test_content_that_nobody_reads_is_skipped(server: Server, connect: Connect) -> None:
    wire = connect(server).send(post(b"x" * 5000, "/ignore") + get("/length"))

    assert [wire.read_response().body for _ in range(2)] == [b"", b"0"]


def test_unread_rest_of_a_streamed_body_ends_the_connection(
    streaming: Server, connect: Connect
) -> None:
    wire = connect(streaming).send(get("/ignore", "Content-Length: 1000", method="POST"))

    response = wire.read_response()

    assert response.status == 200
    assert response["Connection"] == "close"
    assert wire.is_ended()


def test_client_that_waits_for_100_gets_it_when_the_content_is_read(
    streaming: Server, connect: Connect
) -> None:
    head = get("/read", "Content-Length: 5", "Expect: 100-continue", method="POST")
    wire = connect(streaming).send(head)

    interim = wire.read_head()
    response = wire.send(b"hello").read_response()

    assert (interim.status, response.status, response.body) == (100, 200, b"hello")


def test_client_that_waits_for_100_gets_only_the_answer_if_nobody_reads(
    streaming: Server, connect: Connect
) -> None:
    head = get("/ignore", "Content-Length: 5", "Expect: 100-continue", method="POST")

    assert connect(streaming).send(head).read_head().status == 200


def test_truncated_content_is_an_error(streaming: Server, connect: Connect) -> None:
    wire = connect(streaming).send(get("/read", "Content-Length: 10", method="POST"), b"12345")

    response = wire.end().read_response()

    assert response.status == 400
    assert wire.is_ended()
    streaming.wait_for_log("POST /read: the client went away inside the request's body\n")


def test_content_that_does_not_come_is_answered_408(streaming: Server, connect: Connect) -> None:
    wire = connect(streaming).send(get("/steps", "Content-Length: 10", method="POST"), b"12345")

    response = wire.read_response()

    assert response.status == 408
    streaming.wait_for_log(
        "POST /steps: the client sent nothing more of the request's body in time\n"
    )


def test_malformed_chunks_are_answered_400(streaming: Server, connect: Connect) -> None:
    fields = ["Transfer-Encoding: chunked", "Expect: 100-continue"]
    wire = connect(streaming).send(get("/line", *fields, method="POST"))
    wire.read_head()

    response = wire.send(b"3\r\nabc\r\n", b"x\r\n").read_response()

    assert response.status == 400
    streaming.wait_for_log("POST /line: the chunks of the request's body are malformed\n")


def test_client_that_went_away_makes_no_traceback(streaming: Server, connect: Connect) -> None:
    wire = connect(streaming).send(get("/lines", "Content-Length: 10", method="POST"), b"12345")
    wire.close()

    streaming.wait_for_log("POST /lines: the client went away inside the request's body\n")

    assert "Traceback" not in streaming.log


@pytest.mark.parametrize(
    ("rest", "error"), [(b"1\r\n", b"ConnectionResetError"), (b"x\r\n", b"OSError")]
)
def test_application_can_catch_the_end_of_its_client_and_meets_it_again(
    shared: Serve, connect: Connect, rest: bytes, error: bytes
) -> None:
    server = shared("content:caught", "--max-spool", "0", "--body-buffer", "0")
    fields = ["Transfer-Encoding: chunked", "Expect: 100-continue"]
    wire = connect(server).send(get("/", *fields, method="POST"))
    wire.read_head()

    wire.send(b"3\r\nabc\r\n", rest).end()

    assert wire.read_response().body == error + b" " + error


def test_content_can_be_read_behind_the_first_part_of_the_answer(
    shared: Serve, connect: Connect
) -> None:
    server = shared("content:careless", "--max-spool", "0", "--body-buffer", "0")
    wire = connect(server).send(get("/", "Content-Length: 5", method="POST"))
    wire.read_until(b"begun\n")

    rest = wire.send(b"12345").read_until(b"0\r\n\r\n")

    assert b"1\r\n5\r\n" in rest


def test_what_an_application_keeps_of_a_request_ends_with_it(
    serve: Serve, connect: Connect
) -> None:
    server = serve("content:keep")
    wire = connect(server)

    answers = [wire.send(post(b"x")).read_response().body for _ in range(3)]

    ended = b"ValueError AssertionError AssertionError"
    assert answers == [b"", ended, ended]

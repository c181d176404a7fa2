"""How long a connection lives, and what goes over it in which order (RFC 9112 9)."""

from __future__ import annotations

import socket

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, chunked, get, post


@pytest.fixture(scope="module")
def server(shared: Serve) -> Server:
    """Give an application that gives content back."""
    return shared("content:app")


@pytest.fixture(scope="module")
def impatient(shared: Serve) -> Server:
    """Give a server with short limits of time."""
    times = ["--head-timeout", "0.3", "--body-timeout", "0.3", "--keep-alive", "0.3"]
    return shared("content:app", *times)


HTTP_1_0 = b"POST /read HTTP/1.0\r\nContent-Length: 1\r\n"
HTTP_1_1 = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (HTTP_1_1, []),
        (HTTP_1_1 + b"Connection: keep-alive\r\n", []),
        (HTTP_1_1 + b"Connection: Keep-Alive, Upgrade\r\nUpgrade: h2c\r\n", []),
        (HTTP_1_0 + b"Connection: keep-alive\r\n", ["keep-alive"]),
    ],
)
def test_connection_lives_on(
    server: Server, connect: Connect, head: bytes, field: list[str]
) -> None:
    wire = connect(server)

    responses = [wire.send(head + b"\r\nx").read_response() for _ in range(3)]

    assert [(each.body, each.all("Connection")) for each in responses] == [(b"x", field)] * 3


@pytest.mark.parametrize(
    "head",
    [
        HTTP_1_1 + b"Connection: close\r\n",
        HTTP_1_1 + b"Connection: x, CLOSE\r\n",
        HTTP_1_1 + b"Connection: keep-alive, close\r\n",
        HTTP_1_0,
        HTTP_1_0 + b"Connection: close\r\n",
    ],
)
def test_connection_ends_with_its_answer(server: Server, connect: Connect, head: bytes) -> None:
    wire = connect(server).send(head + b"\r\nx" + get("/read"))

    response = wire.read_response()

    assert (response.body, response["Connection"]) == (b"x", "close")
    assert wire.is_ended()


def test_answer_says_http_1_1_to_http_1_0_too(server: Server, connect: Connect) -> None:
    assert connect(server).send(HTTP_1_0 + b"\r\nx").read_response().version == "HTTP/1.1"


def test_answer_without_length_ends_with_the_connection_for_http_1_0(
    shared: Serve, connect: Connect
) -> None:
    request = b"GET /generator HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    response = connect(shared("answers:app")).send(request).read_response()

    assert response.all("Transfer-Encoding") == response.all("Content-Length") == []
    assert (response["Connection"], response.body) == ("close", b"one,two,three")


@pytest.mark.parametrize("count", [2, 3, 100])
def test_pipelined_requests_are_answered_in_order(
    server: Server, connect: Connect, count: int
) -> None:
    bodies = [b"number %d" % number for number in range(count)]

    wire = connect(server).send(b"".join(post(body, "/read") for body in bodies))

    assert [wire.read_response().body for _ in bodies] == bodies


def test_pipelined_requests_of_every_kind_keep_apart(server: Server, connect: Connect) -> None:
    in_chunks = get("/read", "Transfer-Encoding: chunked", method="POST") + chunked(b"b", b"c")
    requests = [post(b"a", "/read"), in_chunks, get("/read"), post(b"d" * 20_000, "/length")]

    wire = connect(server).send(b"".join(requests))

    assert [wire.read_response().body for _ in requests] == [b"a", b"bc", b"", b"20000"]


def test_pipelined_head_does_not_disturb_its_neighbours(server: Server, connect: Connect) -> None:
    wire = connect(server)
    wire.send(post(b"a", "/read") + get("/length", method="HEAD") + post(b"b", "/read"))

    bodies = [wire.read_response(to_head=is_head).body for is_head in (False, True, False)]

    assert bodies == [b"a", b"", b"b"]


def test_pipelined_large_answers_arrive_whole(shared: Serve, connect: Connect) -> None:
    wire = connect(shared("answers:app")).send(get("/large") * 5 + get("/hello"))

    sizes = [len(wire.read_response().body) for _ in range(6)]

    assert sizes == [1 << 22] * 5 + [13]


EVERY = (
    post(b"one", "/read")
    + get("/read", "Transfer-Encoding: chunked", method="POST")
    + chunked(b"two", b"three")
)


@pytest.mark.parametrize("at", range(1, len(EVERY)))
def test_requests_may_be_split_anywhere(server: Server, connect: Connect, at: int) -> None:
    wire = connect(server).send(EVERY[:at], EVERY[at:])

    assert [wire.read_response().body for _ in range(2)] == [b"one", b"twothree"]


def test_requests_may_come_octet_by_octet(server: Server, connect: Connect) -> None:
    wire = connect(server).send(*(EVERY[at : at + 1] for at in range(len(EVERY))))

    assert [wire.read_response().body for _ in range(2)] == [b"one", b"twothree"]


def test_client_that_has_said_all_still_gets_its_answers(server: Server, connect: Connect) -> None:
    wire = connect(server).send(post(b"a", "/read") * 3).end()

    assert [wire.read_response().body for _ in range(3)] == [b"a"] * 3
    assert wire.is_ended()


def test_client_that_ends_between_requests_is_ended(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/read"))
    wire.read_response()

    assert wire.end().is_ended()


@pytest.mark.parametrize("octets", [b"", b"GET / HT", post(b"abc", "/read")[:-1]])
def test_client_that_ends_too_early_is_ended_without_an_answer(
    server: Server, connect: Connect, octets: bytes
) -> None:
    assert connect(server).send(octets).end().is_ended()


def test_quiet_connection_is_ended_after_a_while(impatient: Server, connect: Connect) -> None:
    wire = connect(impatient).send(get("/read"))

    assert wire.read_response().status == 200
    assert wire.is_ended()


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\nHo", get("/read") + b"GET", post(b"abc", "/read")[:-1]]
)
def test_request_that_does_not_come_is_answered_408(
    impatient: Server, connect: Connect, octets: bytes
) -> None:
    wire = connect(impatient).send(octets)
    if octets.startswith(get("/read")):
        assert wire.read_response().status == 200

    assert wire.read_response().status == 408
    assert wire.is_ended()


def test_waiting_client_is_told_to_continue(server: Server, connect: Connect) -> None:
    head = get("/read", "Content-Length: 5", "Expect: 100-Continue", method="POST")
    wire = connect(server).send(head)

    interim = wire.read_head()
    response = wire.send(b"hello").read_response()

    assert (interim.status, interim.fields) == (100, [])
    assert (response.status, response.body) == (200, b"hello")
    assert wire.send(get("/read")).read_response().status == 200


def test_client_that_does_not_wait_is_not_told_to_continue(
    server: Server, connect: Connect
) -> None:
    request = get("/read", "Content-Length: 5", "Expect: 100-continue", method="POST") + b"hello"

    assert connect(server).send(request).read_response().status == 200


def test_http_1_0_is_not_told_to_continue(server: Server, connect: Connect) -> None:
    head = b"POST /read HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"

    assert connect(server).send(head, b"x").read_response().status == 200


def test_slow_reader_gets_everything(shared: Serve, connect: Connect) -> None:
    wire = connect(shared("answers:app"))
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

    response = wire.send(get("/large")).read_head()
    body = b"".join(wire.read(1024) for _ in range(int(response["Content-Length"]) // 1024))

    assert body == bytes(range(256)) * 16384


def test_slow_reader_does_not_keep_others_waiting(shared: Serve, connect: Connect) -> None:
    server = shared("answers:app")
    slow = connect(server).send(get("/hello") * 5000)

    response = connect(server).send(get("/hello")).read_response()

    assert response.status == 200
    assert [slow.read_response().status for _ in range(5000)] == [200] * 5000


def test_client_that_leaves_in_the_middle_hurts_nobody(shared: Serve, connect: Connect) -> None:
    server = shared("answers:app")
    for request in (get("/large"), get("/large-generator"), get("/hello") * 1000):
        wire = connect(server).send(request)
        wire.read(1000)
        wire.close()

    assert connect(server).send(get("/hello")).read_response().body == b"Hello, World!"
    assert "Traceback" not in server.log


def test_many_connections_are_served_at_once(server: Server, connect: Connect) -> None:
    wires = [connect(server) for _ in range(200)]

    for number, wire in enumerate(wires):
        wire.send(post(b"%d" % number, "/read"))

    assert [wire.read_response().body for wire in wires] == [b"%d" % n for n in range(200)]

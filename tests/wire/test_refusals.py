"""What is refused, with which status (RFC 9110, RFC 9112); then the connection ends."""

from __future__ import annotations

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, get, post

CHUNKED = ["Transfer-Encoding: chunked"]


def with_chunks(octets: bytes) -> bytes:
    """Return a request whose chunked body is *octets*."""
    return get("/read", *CHUNKED, method="POST") + octets


@pytest.fixture(scope="module")
def server(shared: Serve) -> Server:
    """Give an application that gives content back."""
    return shared("content:app")


REFUSED = {
    # request line, RFC 9112 3
    "no version": (400, b"GET /\r\n\r\n"),
    "lower-case version": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "version without minor": (400, b"GET / HTTP/1\r\nHost: a\r\n\r\n"),
    "version 2.0": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "version 0.9": (505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "space at the end": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    "tab between": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "leading space": (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "method no token": (400, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "target without slash": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "fragment": (400, b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "NUL in target": (400, b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "TLS hello": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "asterisk with GET": (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    # fields, RFC 9112 5
    "space before colon": (400, get("/", "X-A : b")),
    "no colon": (400, get("/", "X-A")),
    "empty name": (400, get("/", ": b")),
    "name no token": (400, get("/", "X(A: b")),
    "folded": (400, get("/", "X-A: b", " c")),
    "folded first": (400, b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n"),
    "NUL in value": (400, get("/", "X-A: b\x00c")),
    "control octet in value": (400, get("/", "X-A: b\x01c")),
    "CR in value": (400, get("/", "X-A: b\rc")),
    "bare LF after line": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "bare LF after field": (400, b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    "bare CR at the end": (400, b"GET / HTTP/1.1\r\nHost: a\r\n\rx\r\n\r\n"),
    # Host, RFC 9112 3.2
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, get("/", "Host: a")),
    "list of Hosts": (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "Host with path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    # framing, RFC 9112 6
    "two lengths": (400, get("/", "Content-Length: 1", "Content-Length: 2", method="POST") + b"ab"),
    "list of lengths": (400, get("/", "Content-Length: 1, 1", method="POST") + b"a"),
    "signed length": (400, get("/", "Content-Length: +1", method="POST") + b"a"),
    "negative length": (400, get("/", "Content-Length: -1", method="POST")),
    "hexadecimal length": (400, get("/", "Content-Length: 0x1", method="POST") + b"a"),
    "empty length": (400, get("/", "Content-Length:", method="POST")),
    "endless length": (400, get("/", "Content-Length: " + "9" * 30, method="POST")),
    "length and chunked": (
        400,
        get("/", "Content-Length: 5", *CHUNKED, method="POST") + b"0\r\n\r\n",
    ),
    "chunked and length": (
        400,
        get("/", *CHUNKED, "Content-Length: 5", method="POST") + b"0\r\n\r\n",
    ),
    "unknown coding": (501, get("/", "Transfer-Encoding: gzip", method="POST")),
    "gzip, chunked": (501, get("/", "Transfer-Encoding: gzip, chunked", method="POST")),
    "chunked twice": (400, get("/", "Transfer-Encoding: chunked, chunked", method="POST")),
    "chunked in HTTP/1.0": (
        400,
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    # chunks, RFC 9112 7.1
    "chunk size empty": (400, with_chunks(b"\r\n\r\n")),
    "chunk size no number": (400, with_chunks(b"x\r\n\r\n")),
    "chunk size signed": (400, with_chunks(b"+1\r\na\r\n0\r\n\r\n")),
    "chunk size with 0x": (400, with_chunks(b"0x1\r\na\r\n0\r\n\r\n")),
    "chunk size with space": (400, with_chunks(b"1 \r\na\r\n0\r\n\r\n")),
    "chunk size beyond 64 bits": (400, with_chunks(b"1" + b"0" * 16 + b"\r\n")),
    "chunk longer than its size": (400, with_chunks(b"1\r\nab\r\n0\r\n\r\n")),
    "chunk line with bare LF": (400, with_chunks(b"1\na\r\n0\r\n\r\n")),
    "chunk end with bare LF": (400, with_chunks(b"1\r\na\n0\r\n\r\n")),
    "trailer malformed": (400, with_chunks(b"0\r\nX Y: z\r\n\r\n")),
    # limits
    "long target": (414, get("/" + "a" * 8300)),
    "long field": (431, get("/", "X-A: " + "b" * 8300)),
    "many fields": (431, get("/", *[f"X-{i}: a" for i in range(101)])),
    "large head": (431, get("/", *[f"X-{i}: {'a' * 4000}" for i in range(5)])),
    "long chunk extension": (413, with_chunks(b"1;" + b"a" * 400 + b"\r\na\r\n0\r\n\r\n")),
    "unknown expectation": (417, get("/", "Expect: 200-ok")),
}


@pytest.mark.parametrize(("status", "request_"), REFUSED.values(), ids=REFUSED.keys())
def test_request_is_refused_and_the_connection_ended(
    server: Server, connect: Connect, status: int, request_: bytes
) -> None:
    wire = connect(server).send(request_)

    response = wire.read_response()

    assert response.status == status
    assert response["Connection"] == "close"
    assert wire.is_ended()


@pytest.mark.parametrize(("status", "request_"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_is_the_same_when_the_octets_dribble_in(
    server: Server, connect: Connect, status: int, request_: bytes
) -> None:
    head = request_ if len(request_) < 300 else request_[:100]
    wire = connect(server)
    try:
        wire.send(*(head[at : at + 1] for at in range(len(head))), request_[len(head) :])
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused before its end

    assert wire.read_response().status == status


@pytest.mark.parametrize(("status", "request_"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_comes_behind_the_answer_to_the_request_before(
    server: Server, connect: Connect, status: int, request_: bytes
) -> None:
    wire = connect(server).send(post(b"before", "/read") + request_)

    assert wire.read_response().body == b"before"
    assert wire.read_response().status == status
    assert wire.is_ended()


def test_refusal_of_head_has_no_body(server: Server, connect: Connect) -> None:
    wire = connect(server).send(
        get("/", "Transfer-Encoding: chunked", "Content-Type: a", method="HEAD") + b"x\r\n"
    )

    response = wire.read_response(to_head=True)

    assert response.status == 400
    assert wire.is_ended()


ACCEPTED = {
    "empty lines before": b"\r\n\r\n" + get("/read"),
    "absolute target": get("http://a/read"),
    "minor version above 1": b"GET /read HTTP/1.2\r\nHost: a\r\n\r\n",
    "field of spaces": get("/read", "X-A:  \t "),
    "obs-text in value": get("/read", "X-A: \xe9\xff"),
    "all token octets": get("/read", "!#$%&'*+-.^_`|~09azAZ: x"),
    "Host with port": b"GET /read HTTP/1.1\r\nHost: a.example:8000\r\n\r\n",
    "Host of IPv6": b"GET /read HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    "no Host in 1.0": b"GET /read HTTP/1.0\r\n\r\n",
    "coding in other case": get("/read", "Transfer-Encoding: CHUNKED", method="POST")
    + b"0\r\n\r\n",
    "chunk extension": with_chunks(b'0;name=value;x="y z"\r\n\r\n'),
    "trailer": with_chunks(b"0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n"),
    "zeros before chunk size": with_chunks(b"0000\r\n\r\n"),
    "as many fields as allowed": get("/read", *[f"X-{i}: a" for i in range(99)]),
    "unknown method": get("/read", method="BREW"),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_unusual_request_is_accepted(server: Server, connect: Connect, request_: bytes) -> None:
    response = connect(server).send(request_).read_response()

    assert (response.status, response.body) == (200, b"")

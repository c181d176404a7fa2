"""What a request may bring along: limits that are settings."""

from __future__ import annotations

import json

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, chunked, get, post

CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module", params=["1048576", "0"], ids=["whole", "streamed"])
def narrow(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give servers that take 1000 octets of content, before the application runs or while it does."""
    streams = ["--max-spool", "0"] if request.param == "0" else []
    return shared("content:app", "--max-body", "1000", "--body-buffer", request.param, *streams)


def test_a_body_up_to_the_limit_is_taken(narrow: Server, connect: Connect) -> None:
    wire = connect(narrow)

    assert wire.send(post(b"x" * 1000, "/length")).read_response().body == b"1000"
    request = get("/length", CHUNKED, method="POST") + chunked(b"x" * 600, b"x" * 400)
    assert wire.send(request).read_response().body == b"1000"


def test_a_length_beyond_the_limit_is_refused_before_the_body_is_read(
    narrow: Server, connect: Connect
) -> None:
    wire = connect(narrow).send(get("/length", "Content-Length: 1001", method="POST"))

    assert wire.read_response().status == 413
    assert wire.is_ended()


def test_who_asks_before_sending_too_much_is_not_told_to_go_on(
    narrow: Server, connect: Connect
) -> None:
    head = get("/length", "Content-Length: 1001", "Expect: 100-continue", method="POST")

    assert connect(narrow).send(head).read_response().status == 413


def test_a_chunk_beyond_the_limit_is_refused_before_it_is_read(
    narrow: Server, connect: Connect
) -> None:
    head = get("/length", CHUNKED, method="POST")
    wire = connect(narrow).send(head + b"3E7\r\n" + b"x" * 999 + b"\r\n2\r\n")

    assert wire.read_response().status == 413
    assert wire.is_ended()


def test_what_is_beyond_the_limit_of_a_head_request_is_refused_without_a_body(
    narrow: Server, connect: Connect
) -> None:
    wire = connect(narrow).send(get("/length", "Content-Length: 1001", method="HEAD"))

    assert wire.read_response(to_head=True).status == 413
    assert wire.is_ended()


def test_overhead_of_chunks_has_a_limit(shared: Serve, connect: Connect) -> None:
    server = shared("content:app", "--limit-chunk-overhead", "500")
    few = b"".join(b"1;%s\r\nx\r\n" % (b"a" * 200) for _ in range(2)) + b"0\r\n\r\n"
    many = b"".join(b"1;%s\r\nx\r\n" % (b"a" * 200) for _ in range(4)) + b"0\r\n\r\n"
    head = get("/length", CHUNKED, method="POST")

    assert connect(server).send(head + few).read_response().body == b"2"
    assert connect(server).send(head + many).read_response().status == 413


def test_https_in_the_clear_is_only_taken_from_a_proxy(shared: Serve, connect: Connect) -> None:
    request = get("https://a/path")
    trusting = shared("environ:app", "--forwarded-allow-ips", "127.0.0.1")
    wary = shared("environ:app", "--forwarded-allow-ips", "10.0.0.0/8")

    environ = json.loads(connect(trusting).send(request).read_response().body)
    refusal = connect(wary).send(request).read_response()

    assert (environ["wsgi.url_scheme"], environ["PATH_INFO"]) == ("https", "/path")
    assert refusal.status == 421
    assert connect(wary).send(get("http://a/path")).read_response().status == 200

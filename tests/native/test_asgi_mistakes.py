"""What an ASGI application does wrong is said clearly, and costs nobody but its own client anything."""

from __future__ import annotations

import pytest

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, get


@pytest.fixture(scope="module")
def server(shared: Serve) -> Server:
    """Give the application that makes mistakes."""
    return shared("asgi_mistakes:app")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/nothing", "the application ended without a response"),
        ("/no-body", "the application ended before its response was complete"),
        ("/no-start", "http.response.body was sent before http.response.start"),
        ("/two-starts", "http.response.start was sent a second time"),
        ("/too-long", "the body has 3 octets, its Content-Length is 2"),
        ("/too-short", "the body has 3 octets, its Content-Length is 5"),
        ("/str", "TypeError: the body must be bytes, not str"),
        ("/bad-status", "the status must be an int from 200 to 999, not '200 OK'"),
        ("/interim-status", "the status must be an int from 200 to 999, not 100"),
        ("/str-header", "a header must be a pair of well-formed bytes, not ('content-type',"),
        ("/injected-header", "a header must be a pair of well-formed bytes, not (b'x',"),
        ("/hop-by-hop", "the header (b'transfer-encoding', b'chunked') is hop-by-hop"),
        ("/unknown-message", "the message 'http.response.push', which has no place here"),
        ("/raises", "LookupError: a failure of the application"),
        ("/raises-after-start", "LookupError: a failure behind the start"),
    ],
)
def test_mistake_is_told_and_answered_500(
    server: Server, connect: Connect, path: str, told: str
) -> None:
    so_far = len(server.log)

    response = connect(server).send(get(path)).read_response()

    assert response.status == 500
    wait_until(lambda: told in server.log[so_far:])
    assert f"GET {path}: the application" in server.log[so_far:]
    assert connect(server).send(get("/fine")).read_response().body == b"fine"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/no-end", "the application ended before its response was complete"),
        ("/too-long-stream", "the body has more octets than its Content-Length"),
        ("/too-short-stream", "the body has fewer octets than its Content-Length"),
        ("/raises-late", "LookupError: a late failure"),
    ],
)
def test_begun_answer_is_cut(server: Server, connect: Connect, path: str, told: str) -> None:
    so_far = len(server.log)

    octets = connect(server).send(get(path)).read_to_end()

    assert octets.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not octets.endswith(b"0\r\n\r\n")
    wait_until(lambda: told in server.log[so_far:])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/after-the-end", "'http.response.body' after the response was complete"),
        ("/raises-behind", "LookupError: a failure behind the response"),
    ],
)
def test_mistake_behind_a_response_costs_its_client_nothing(
    server: Server, connect: Connect, path: str, told: str
) -> None:
    so_far = len(server.log)
    wire = connect(server)

    assert wire.send(get(path)).read_response().body == b"fine"
    assert wire.send(get("/fine")).read_response().body == b"fine"
    wait_until(lambda: told in server.log[so_far:])
    assert f"GET {path}: the application failed after its response" in server.log[so_far:]


def test_failure_is_told_with_the_traceback_of_the_application(
    server: Server, connect: Connect
) -> None:
    connect(server).send(get("/raises")).read_response()

    server.wait_for_log('asgi_mistakes.py", line ')
    server.wait_for_log("in raises\n")

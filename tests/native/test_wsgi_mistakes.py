"""What an application does wrong is said clearly, and costs nobody but its own client anything."""

from __future__ import annotations

import pytest

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, get


@pytest.fixture(scope="module")
def server(shared: Serve) -> Server:
    """Give the application that makes mistakes."""
    return shared("mistakes:app")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/str", "the application gave str for the body, not bytes"),
        ("/bytes", "the application returned bytes, not a list of bytes"),
        ("/none", "the application returned NoneType, not a list of bytes"),
        ("/number", "TypeError: 'int' object is not iterable"),
        ("/bad-status", "ValueError: the status must be like \"200 OK\", not 'OK'"),
        ("/bytes-status", "ValueError: the status must be like \"200 OK\", not b'200 OK'"),
        ("/interim-status", "ValueError: the status must be like \"200 OK\", not '100 Continue'"),
        ("/injected-status", "ValueError: the status must be like"),
        ("/no-list", "TypeError: the headers must be a list, not dict"),
        ("/no-pair", "ValueError: a header must be a tuple of two"),
        ("/bytes-header", "not (b'Content-Type', b'text/plain')"),
        ("/number-header", "not ('X-Number', 1)"),
        ("/bad-name", "not ('X Name', 'x')"),
        ("/injected-header", "not ('X-Value', 'a\\r\\nSet-Cookie: b')"),
        ("/beyond-latin-1", "ValueError: a header must be a tuple of two well-formed latin-1 str"),
        ("/hop-by-hop", "the header ('Transfer-Encoding', 'chunked') is hop-by-hop"),
        ("/too-long", "the body has 3 octets, its Content-Length is 2"),
        ("/too-short", "the body has 3 octets, its Content-Length is 5"),
        ("/too-long-stream", "the body has more octets than its Content-Length"),
        ("/two-lengths", "not ('Content-Length', '2')"),
        ("/no-start", "the application did not call start_response"),
        ("/no-start-no-body", "the application did not call start_response"),
        ("/twice", "AssertionError: start_response was called again without exc_info"),
        ("/written-str", "TypeError: write takes bytes, not str"),
        ("/raises", "LookupError: a failure of the application"),
        ("/raises-before-any-part", "LookupError: an early failure of the application"),
    ],
)
def test_mistake_is_told_and_answered_500(
    server: Server, connect: Connect, path: str, told: str
) -> None:
    so_far = len(server.log)

    response = connect(server).send(get(path)).read_response()

    assert response.status == 500
    wait_until(lambda: told in server.log[so_far:])
    assert f"GET {path}: " in server.log[so_far:]
    assert connect(server).send(get("/fine")).read_response().body == b"fine"


def test_failure_is_told_with_its_traceback(server: Server, connect: Connect) -> None:
    connect(server).send(get("/raises")).read_response()

    server.wait_for_log('mistakes.py", line ')
    server.wait_for_log("in raises\n")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/raises-late", "LookupError: a late failure of the application"),
        ("/raises-late-with-length", "LookupError: a late failure of the application"),
        ("/too-late-for-an-error-page", "LookupError: what exc_info was about"),
        ("/str-among-parts", "the application gave str for the body, not bytes"),
        ("/too-short-stream", "the body has fewer octets than its Content-Length"),
    ],
)
def test_begun_answer_is_cut(server: Server, connect: Connect, path: str, told: str) -> None:
    so_far = len(server.log)
    wire = connect(server).send(get(path))

    answer = wire.read_to_end()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not answer.endswith(b"0\r\n\r\n")
    wait_until(lambda: told in server.log[so_far:])
    assert connect(server).send(get("/fine")).read_response().body == b"fine"


@pytest.mark.parametrize("path", ["/raises-late", "/too-late-for-an-error-page"])
def test_begun_answer_that_ends_with_its_connection_is_reset(
    server: Server, connect: Connect, path: str
) -> None:
    wire = connect(server).send(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())

    with pytest.raises(ConnectionResetError):
        wire.read_to_end()


def test_failure_in_close_does_not_hurt_the_answer(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/raises-in-close"))

    assert wire.read_response().body == b"whole"
    server.wait_for_log("LookupError: a failure in close")
    assert wire.send(get("/fine")).read_response().body == b"fine"


def test_application_that_exits_ends_its_worker_and_answers_500(
    serve: Serve, connect: Connect
) -> None:
    server = serve("mistakes:app")
    (worker,) = server.workers

    response = connect(server).send(get("/exits")).read_response()

    assert response.status == 500
    wait_until(lambda: server.workers and server.workers != [worker])
    assert connect(server).send(get("/fine")).read_response().body == b"fine"

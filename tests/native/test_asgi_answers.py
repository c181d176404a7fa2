"""Requests, answers, streams and the ends of clients, as an ASGI application meets them."""

from __future__ import annotations

import importlib.util

import pytest

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, Wire, get

LOOPS = ["asyncio"] + ["uvloop"] * (importlib.util.find_spec("uvloop") is not None)


@pytest.fixture(scope="module", params=LOOPS)
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application on each loop."""
    return shared("asgi_mistakes:app", "--loop", request.param)


def seen_by(server: Server, connect: Connect) -> list[str]:
    """Return what the application has seen so far."""
    return connect(server).send(get("/seen-so-far")).read_response().body.decode().split()


def wait_for(server: Server, connect: Connect, *words: str) -> None:
    """Wait until the application has seen *words*."""
    wait_until(lambda: " ".join(words) in " ".join(seen_by(server, connect)))


def post(path: str, *fields: str) -> bytes:
    """Return the head of a POST."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *fields, "\r\n"]).encode()


def test_body_is_streamed_both_ways(server: Server, connect: Connect) -> None:
    wire = connect(server).send(post("/echo", "Transfer-Encoding: chunked"))
    large = b"x" * 50_000
    wire.send(b"%x\r\n" % len(large), large, b"\r\n")

    assert wire.read_head().status == 200
    parts = wire.read_chunks()
    came = b""
    while len(came) < len(large):
        came += next(parts)
    assert came == large

    wire.send(b"3\r\nend\r\n")
    assert next(parts) == b"end"
    wire.send(b"0\r\n\r\n")
    assert list(parts) == []
    assert wire.send(get("/fine")).read_response().body == b"fine"


def test_body_that_ends_too_early_is_a_disconnect(server: Server, connect: Connect) -> None:
    connect(server).send(post("/sink", "Content-Length: 3000000"), b"x" * 2_000_000).close()

    wait_for(server, connect, "sink", "http.disconnect")


def test_broken_chunks_are_answered_400(server: Server, connect: Connect) -> None:
    wire = connect(server).send(post("/sink", "Transfer-Encoding: chunked"))
    wire.send(b"200000\r\n" + b"x" * 0x200000 + b"\r\nno size\r\n")

    assert wire.read_response().status == 400


def test_end_of_a_client_is_told_to_who_waits(server: Server, connect: Connect) -> None:
    connect(server).send(get("/wait")).close()

    wait_for(server, connect, "wait", "http.disconnect")


def test_stream_ends_with_its_client(server: Server, connect: Connect) -> None:
    so_far = len(server.log)
    wire = connect(server).send(get("/endless"))
    wire.read(1_000_000)
    wire.close()

    wait_until(lambda: any(word.endswith("Error") for word in seen_by(server, connect)))
    assert "application failed" not in server.log[so_far:]


@pytest.mark.weighs
def test_slow_client_makes_the_application_wait_in_bounded_memory(
    server: Server, connect: Connect
) -> None:
    (worker,) = server.workers
    wire = connect(server).send(get("/endless"))
    wire.read(65536)
    before = resident(worker)

    for _ in range(20):
        wire.read(10_000_000)

    assert resident(worker) - before < 1 << 20
    wire.close()


def resident(pid: int) -> int:
    """Return the octets of memory that are the process's own."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        (line,) = [line for line in rollup if line.startswith("Private_Dirty:")]
    return int(line.split()[1]) * 1024


def test_connection_goes_on_while_the_application_works_behind_its_response(
    server: Server, connect: Connect
) -> None:
    wire = connect(server)

    assert wire.send(get("/background")).read_response().body == b"fine"
    assert wire.send(get("/fine")).read_response().body == b"fine"
    wait_for(server, connect, "background", "http.disconnect")


def test_requests_of_many_clients_run_at_once(server: Server, connect: Connect) -> None:
    waiting = [connect(server).send(get("/wait")) for _ in range(20)]

    assert connect(server).send(get("/fine")).read_response().body == b"fine"
    for wire in waiting:
        wire.close()


def test_pipelined_requests_are_answered_in_order(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/fine") + get("/modern") + get("/background") + get("/fine"))

    bodies = [wire.read_response().body for _ in range(4)]

    assert bodies[0] == bodies[2] == bodies[3] == b"fine"
    assert bodies[1].startswith((b"asyncio", b"uvloop"))


def test_early_hints_come_first(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/hints"))

    hints, response = wire.read_response(), wire.read_response()

    assert (hints.status, hints["Link"]) == (103, "</style.css>; rel=preload")
    assert response.body == b"fine"


def test_old_client_gets_no_hints(server: Server, connect: Connect) -> None:
    wire: Wire = connect(server).send(b"GET /hints HTTP/1.0\r\nHost: x\r\n\r\n")

    assert wire.read_response().status == 200


def test_trailers_follow_the_body(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/trailers"))

    assert wire.read_head()["Transfer-Encoding"] == "chunked"
    assert wire.read_until(b"\r\n\r\n") == b"4\r\ntext\r\n0\r\nx-sum: 4\r\n\r\n"
    assert wire.send(get("/fine")).read_response().body == b"fine"


def test_old_client_gets_no_trailers(server: Server, connect: Connect) -> None:
    wire = connect(server).send(b"GET /trailers HTTP/1.0\r\nHost: x\r\n\r\n")

    assert wire.read_response().body == b"text"


def test_state_of_the_lifespan_is_copied_for_each_request(server: Server, connect: Connect) -> None:
    for _ in range(2):
        body = connect(server).send(get("/state")).read_response().body
        assert body == b"[('began', 1)]"

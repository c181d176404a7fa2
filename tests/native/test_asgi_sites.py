"""What only asynchronous frameworks do: dependencies, work behind the answer, lifespans, WebSockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from socket import SHUT_RDWR
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from fix_processes import wait_until
from fix_server import Serve, Server
from fix_wire import Connect, get

Talk = Callable[..., ClientConnection]


@pytest.fixture(scope="module")
def fastapi(shared: Serve) -> Server:
    """Give the FastAPI site."""
    return shared("fastapi_site:app")


@pytest.fixture(scope="module")
def starlette(shared: Serve) -> Server:
    """Give the Starlette site."""
    return shared("starlette_site:app")


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Give WebSockets, which are closed when the test ends."""
    with ExitStack() as stack:

        def start(server: Server, path: str, **options: Any) -> ClientConnection:
            url = f"ws://{server.url}{path}"
            socket: ClientConnection = stack.enter_context(open_socket(url, **options))
            return socket

        yield start


def what_is_done(server: Server, connect: Connect) -> list[str]:
    """Return what FastAPI's site has done behind its answers."""
    found: list[str] = json.loads(connect(server).send(get("/done")).read_response().body)
    return found


def test_dependencies_and_models_are_resolved(fastapi: Server, connect: Connect) -> None:
    answer = httpx.post(
        f"http://{fastapi.url}/items/3",
        json={"name": "pears", "price": 0.5},
        headers={"Cookie": "session=eve"},
    )

    assert answer.json() == {"who": "eve", "total": 1.5, "db": "open"}
    wait_until(lambda: "eve bought 3 pears" in what_is_done(fastapi, connect))
    assert "closed" in what_is_done(fastapi, connect)


def test_wrong_model_is_told(fastapi: Server) -> None:
    answer = httpx.post(f"http://{fastapi.url}/items/x", json={"name": "pears"})

    assert answer.status_code == 422
    assert [error["loc"][0] for error in answer.json()["detail"]] == ["path", "body"]


def test_parts_of_a_thread_are_streamed(fastapi: Server) -> None:
    with httpx.stream("GET", f"http://{fastapi.url}/stream-from-thread") as answer:
        body = b"".join(answer.iter_bytes())

    assert body == b"".join(b"%d" % number * 10_000 for number in range(5))


def test_many_requests_run_at_once(fastapi: Server, connect: Connect) -> None:
    wires = [connect(fastapi) for _ in range(50)]
    for number, wire in enumerate(wires):
        wire.send(get(f"/?name={number}"))

    bodies = [wire.read_response().body.decode() for wire in wires]

    assert bodies == [f"Hello, {number}!" for number in range(50)]


def test_state_of_the_lifespan_reaches_requests(starlette: Server) -> None:
    assert httpx.get(f"http://{starlette.url}/state").json() == {"greeting": "hello", "root": ""}
    assert httpx.get(f"http://{starlette.url}/below/state").json() == {
        "greeting": "hello",
        "root": "/below",
    }


def test_middleware_sees_each_answer(starlette: Server) -> None:
    assert httpx.get(f"http://{starlette.url}/stream").headers["X-Marked"] == "yes"


def test_failing_view_is_in_the_log(starlette: Server) -> None:
    httpx.get(f"http://{starlette.url}/broken")

    starlette.wait_for_log("LookupError: a failure of the view")


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_websocket_gives_back_what_it_hears(
    fastapi: Server, talk: Talk, compression: str | None
) -> None:
    socket = talk(
        fastapi, "/echo", compression=compression, additional_headers={"Cookie": "session=eve"}
    )
    assert json.loads(socket.recv()) == {"who": "eve"}

    for content in ("", "hello", "Müller" * 10_000, b"", b"\0\xff" * 100_000):
        socket.send(content)
        assert socket.recv() == content


def test_websocket_that_the_application_closes_says_why(fastapi: Server, talk: Talk) -> None:
    socket = talk(fastapi, "/echo")
    socket.recv()

    socket.send("close")

    with pytest.raises(ConnectionClosed) as caught:
        socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4000, "as you like")


def test_websocket_that_the_client_closes_is_told(
    fastapi: Server, talk: Talk, connect: Connect
) -> None:
    socket = talk(fastapi, "/echo")

    socket.close(4001)

    wait_until(lambda: "left with 4001" in what_is_done(fastapi, connect))


def test_websocket_whose_client_is_gone_is_told(
    fastapi: Server, talk: Talk, connect: Connect
) -> None:
    socket = talk(fastapi, "/echo")

    socket.socket.shutdown(SHUT_RDWR)

    wait_until(lambda: "left with 1006" in what_is_done(fastapi, connect))


def test_failure_of_a_websocket_is_a_1011_and_in_the_log(fastapi: Server, talk: Talk) -> None:
    socket = talk(fastapi, "/echo")
    socket.recv()

    socket.send("fail")

    with pytest.raises(ConnectionClosed) as caught:
        socket.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011
    fastapi.wait_for_log("LookupError: a failure of the socket")


def test_subprotocol_is_agreed_upon(starlette: Server, talk: Talk) -> None:
    socket = talk(starlette, "/chat?secret=yes", subprotocols=["quiet", "loud"])

    socket.send("hello")

    assert (socket.subprotocol, socket.recv()) == ("loud", "HELLO")


def test_websocket_is_refused_with_an_answer_of_the_application(
    starlette: Server, talk: Talk
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        talk(starlette, "/chat")

    response = caught.value.response
    assert (response.status_code, response.body) == (401, b"no secret\n")
    assert response.headers["Content-Length"] == "10"


@pytest.mark.parametrize("server", ["fastapi", "starlette"])
def test_websocket_that_nobody_serves_is_refused(
    server: str, request: pytest.FixtureRequest, talk: Talk
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        talk(request.getfixturevalue(server), "/nowhere")

    assert caught.value.response.status_code in (403, 404)


def test_shutdown_of_the_lifespan_runs(serve: Serve) -> None:
    server = serve("starlette_site:app", "--capture-output")

    assert server.stop() == 0

    assert "starlette says goodbye" in server.log

"""Socket.IO over each of its transports, on several workers: a client always comes to the same one."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
import socketio

from fix_server import Serve


@pytest.fixture
def client() -> Iterator[Any]:
    """Give a client, which leaves when the test ends."""
    client = socketio.Client(reconnection=False)
    yield client
    client.disconnect()


@pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids="+".join
)
def test_client_talks_to_one_worker(serve: Serve, client: Any, transports: list[str]) -> None:
    server = serve("socketio_site:app", "--dispatch", "ip-hash", workers=2)
    heard: Queue[str] = Queue()
    client.on("shouted", heard.put)

    client.connect(f"http://{server.url}", transports=transports, auth="eve", wait_timeout=20)
    answers = [client.call("shout", "hello", timeout=20) for _ in range(20)]

    assert {answer["length"] for answer in answers} == {5}
    assert len({answer["slot"] for answer in answers}) == 1
    assert [heard.get(timeout=20) for _ in range(20)] == ["HELLO"] * 20
    client.disconnect()


def test_client_that_is_not_let_in_is_told(serve: Serve, client: Any) -> None:
    server = serve("socketio_site:app")

    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(f"http://{server.url}", wait_timeout=20)

"""What asgiref's test harness sees of an application is what clients see of it, in ASGI 2 and 3."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from fastfork.app import load
from fix_frames import TEXT, close, frame, frames_of
from fix_server import APPS, Serve
from fix_wire import Connect, get, post

NAMES = ["double:Double", "double:marked", "double:guaranteed"]
BODY = b"some octets"


async def in_the_harness(application: Any, scope: dict[str, Any]) -> tuple[int, str, bytes]:
    """Return status, path and body of the answer that asgiref's harness gets."""
    talk: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    for part, more in ((BODY[:4], True), (BODY[4:], False)):
        await talk.send_input({"type": "http.request", "body": part, "more_body": more})
    start = await talk.receive_output()
    body, has_more = b"", True
    while has_more:
        message = await talk.receive_output()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    await talk.wait()
    headers = {bytes(name).lower(): bytes(value) for name, value in start["headers"]}
    return start["status"], headers[b"x-path"].decode(), body


@pytest.mark.parametrize("name", NAMES)
def test_harness_and_client_see_the_same(
    shared: Serve, connect: Connect, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(APPS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/a b",
        "query_string": b"",
        "headers": [(b"content-length", b"%d" % len(BODY))],
    }
    seen = asyncio.run(in_the_harness(load(name).call, scope))

    answer = connect(shared(name)).send(post(BODY, "/a%20b")).read_response()

    assert (answer.status, answer["X-Path"], answer.body) == seen
    assert seen == (202, "/a b", BODY + b", and that is all")


def test_wsgi_application_in_asgirefs_bridge_gives_the_same(
    shared: Serve, connect: Connect
) -> None:
    answer = connect(shared("double:bridged")).send(post(BODY, "/a%20b")).read_response()

    assert (answer.status, answer["X-Path"]) == (202, "/a b")
    assert answer.body == BODY + b", and that is all"


@pytest.mark.parametrize("name", NAMES)
def test_double_callable_holds_websockets(shared: Serve, connect: Connect, name: str) -> None:
    wire = connect(shared(name)).send(
        get(
            "/",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
    )
    assert wire.read_response().status == 101

    wire.send(frame(TEXT, b"twice"))
    assert frames_of(wire.read(7)) == [(TEXT, b"twice")]
    wire.send(close(1000))
    assert frames_of(wire.read_to_end()) == [(8, b"\x03\xe8")]

"""Early hints: `wsgi.early_hints` sends a 103 before the answer (RFC 8297)."""

from __future__ import annotations

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, get

STYLE = ("Link", "</style.css>; rel=preload; as=style")
SCRIPT = ("Link", "</script.js>; rel=preload; as=script")


@pytest.fixture(scope="module", params=["app", "validated"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application as it is, and under the validator of the standard library."""
    return shared(f"hints:{request.param}")


def test_hints_come_before_the_answer(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/"))

    hints = wire.read_head()
    response = wire.read_response()

    assert (hints.status, hints.reason, hints.fields) == (103, "Early Hints", [STYLE])
    assert (response.status, response.body) == (200, b"done")
    assert wire.send(get("/")).read_head().status == 103


def test_hints_may_be_given_again(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/twice"))

    heads = [wire.read_head() for _ in range(3)]

    assert [head.status for head in heads] == [103, 103, 200]
    assert heads[1].fields == [SCRIPT, ("X-A", "b")]


def test_hints_of_pipelined_requests_stay_in_order(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/") * 2)

    seen = [wire.read_response() for _ in range(4)]

    assert [response.status for response in seen] == [103, 200, 103, 200]


def test_http_1_0_gets_the_answer_alone(server: Server, connect: Connect) -> None:
    request = b"GET / HTTP/1.0\r\n\r\n"

    assert connect(server).send(request).read_response().body == b"done"


def test_hints_do_not_disturb_a_head_that_was_given(shared: Serve, connect: Connect) -> None:
    wire = connect(shared("hints:app")).send(get("/between"))

    assert [wire.read_response().status for _ in range(2)] == [103, 200]


def test_failure_behind_hints_is_answered_500(server: Server, connect: Connect) -> None:
    wire = connect(server).send(get("/fails"))

    assert [wire.read_response().status for _ in range(2)] == [103, 500]
    assert wire.is_ended()


def test_hints_behind_the_head_are_a_mistake(server: Server, connect: Connect) -> None:
    response = connect(server).send(get("/late")).read_response()

    assert response.body == b"begun,AssertionError"


def test_mistakes_in_hints_are_raised_and_send_nothing(server: Server, connect: Connect) -> None:
    response = connect(server).send(get("/mistakes")).read_response()

    assert response.body == b"ValueError,ValueError,ValueError,ValueError,TypeError"

"""The probe: every case of tests/probe, for each interface. RFC.md says which rule each one shows."""

from __future__ import annotations

import json

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, Response, Wire, get
from probe import connection, fields, framing, line
from probe.case import AFTER, Answered, Case, Refused, Reply, Unfinished, Waits

CASES = line.CASES | fields.CASES | framing.CASES | connection.CASES

STREAMED = {"expect-and-unread", "answer-unread-large-body", "answer-unread-large-chunks"}
"""Large bodies that never come in full: who waits for them, in a file, has nothing to answer."""


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the probe's application, by each interface; it is asked before bodies of some MB have come."""
    return shared(f"probe:{request.param}", "--max-spool", "1500000")


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def streaming(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the same, with every large body as it comes."""
    return shared(f"probe:{request.param}", "--max-spool", "0")


def of_kind(kind: type) -> dict[str, Case]:
    """Return the cases that end so."""
    return {name: case for name, case in CASES.items() if isinstance(case.then, kind)}


def start(wire: Wire, octets: bytes) -> Wire:
    """Send *octets*, as far as the server wants them."""
    try:
        wire.send(octets)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has said what it thinks of the beginning
    return wire


def is_ended(wire: Wire) -> bool:
    """Does the server end the connection, in whatever way, without another octet?"""
    try:
        return wire.is_ended()
    except ConnectionResetError:
        return True


def final_response(wire: Wire, *, to_head: bool = False) -> Response:
    """Return the next response that is not an interim one."""
    while (response := wire.read_response(to_head=to_head)).status < 200:
        pass
    return response


def lives_on(wire: Wire) -> bool:
    """Is the request behind the case's answered?"""
    after = wire.read_response()
    return after.status == 200 and json.loads(after.body)["path"] == "/after"


@pytest.mark.parametrize("name", of_kind(Refused))
def test_is_refused_and_nothing_behind_it_is_answered(
    server: Server, connect: Connect, name: str
) -> None:
    case = CASES[name]
    assert isinstance(case.then, Refused)

    wire = start(connect(server), case.octets + AFTER)
    response = wire.read_response(to_head=case.then.to_head)

    assert response.status in case.then.statuses
    assert response["Connection"] == "close"
    assert response.all("Date")
    assert is_ended(wire)


@pytest.mark.parametrize("name", of_kind(Answered))
def test_is_answered_as_it_was_meant(server: Server, connect: Connect, name: str) -> None:
    case = CASES[name]
    assert isinstance(case.then, Answered)

    wire = start(connect(server), case.octets + AFTER)
    response = final_response(wire)
    seen = json.loads(response.body)

    assert response.status == 200
    assert {key: seen[key] for key in case.then.facts} == case.then.facts
    assert {key: seen["fields"].get(key) for key in case.then.fields} == case.then.fields
    assert lives_on(wire) if case.then.lives else is_ended(wire)


@pytest.mark.parametrize("name", sorted(of_kind(Reply).keys() - STREAMED))
def test_answer_of_the_application_is_put_right(
    server: Server, connect: Connect, name: str
) -> None:
    check_answer(connect(server), CASES[name])


@pytest.mark.parametrize("name", sorted(STREAMED))
def test_answer_without_its_requests_body_is_put_right(
    streaming: Server, connect: Connect, name: str
) -> None:
    check_answer(connect(streaming), CASES[name])


def check_answer(wire: Wire, case: Case) -> None:
    """Ask for the answer of *case*, and compare."""
    then = case.then
    assert isinstance(then, Reply)

    start(wire, case.octets + AFTER)
    if then.is_cut:
        response = wire.read_head()
        rest = read_what_comes(wire)
        assert len(rest) < int((response.all("Content-Length") or ["1000"])[0])
        assert not rest.endswith(b"0\r\n\r\n")
        return
    response = final_response(wire, to_head=then.to_head)

    assert response.status == then.status
    assert then.status == 500 or response.body == then.body
    for key, value in then.has.items():
        assert response.all(key) if value is None else response[key] == value
    assert [key for key in then.lacks if response.all(key)] == []
    assert lives_on(wire) if then.lives else is_ended(wire)


def read_what_comes(wire: Wire) -> bytes:
    """Return everything up to the end of the connection, whatever that is."""
    try:
        return wire.read_to_end()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("name", of_kind(Unfinished))
def test_what_ended_too_early_is_answered_with_nothing_good(
    server: Server, connect: Connect, name: str
) -> None:
    wire = start(connect(server), CASES[name].octets).end()

    said = read_what_comes(wire)

    assert said == b"" or 400 <= int(said.split(b" ")[1]) < 500


@pytest.mark.parametrize("name", of_kind(Waits))
def test_a_piece_of_a_request_is_waited_with(server: Server, connect: Connect, name: str) -> None:
    case = CASES[name]
    assert isinstance(case.then, Waits)
    wire = connect(server).send(case.octets)

    other = connect(server).send(get("/other")).read_response()  # meanwhile others are served
    is_quiet = wire.is_quiet()
    response = wire.send(case.then.rest + AFTER).read_response()

    assert (other.status, is_quiet, response.status) == (200, True, 200)
    assert json.loads(response.body)["body"] in ("ok", "hello")
    assert lives_on(wire)

"""Frameworks, served for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fix_server import APPS, Serve, Server
from fix_wire import Connect, get, post

SITES = [
    *("flask_site:app", "django_site:app", "bottle_site:app"),
    *("django_site:asgi", "starlette_site:app", "fastapi_site:app", "quart_site:app"),
]


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give each site."""
    return shared(request.param)


@pytest.fixture(scope="module", params=SITES)
def site_file(request: pytest.FixtureRequest, shared: Serve) -> tuple[Server, bytes]:
    """Give each site, and the file that it is."""
    file = request.param.partition(":")[0] + ".py"
    return shared(request.param), Path(APPS, file).read_bytes()


def multipart(name: str, content: bytes) -> tuple[str, bytes]:
    """Return content type and body of a form with one file."""
    head = (
        f'--xx\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    )
    return "multipart/form-data; boundary=xx", head + content + b"\r\n--xx--\r\n"


def test_page_is_answered(site: Server, connect: Connect) -> None:
    response = connect(site).send(get("/?name=M%C3%BCller")).read_response()

    assert (response.status, response.body.decode()) == (200, "Hello, Müller!")


def test_connection_serves_many_requests(site: Server, connect: Connect) -> None:
    wire = connect(site)

    bodies = [wire.send(get(f"/?name={i}")).read_response().body.decode() for i in range(5)]

    assert bodies == [f"Hello, {i}!" for i in range(5)]


def test_form_arrives(site: Server, connect: Connect) -> None:
    body = b"name=M%C3%BCller&city=K%C3%B6ln"
    kind = "Content-Type: application/x-www-form-urlencoded"

    response = connect(site).send(post(body, "/form", kind)).read_response()

    assert json.loads(response.body) == {"name": "Müller", "city": "Köln"}


@pytest.mark.parametrize("size", [0, 100, 1_000_000, 3_000_000])
def test_upload_arrives(site: Server, connect: Connect, size: int) -> None:
    kind, body = multipart("a.bin", bytes(size))

    response = connect(site).send(post(body, "/upload", f"Content-Type: {kind}")).read_response()

    assert json.loads(response.body) == {"name": "a.bin", "size": size}


def test_stream_arrives(site: Server, connect: Connect) -> None:
    response = connect(site).send(get("/stream")).read_response()

    assert response["Transfer-Encoding"] == "chunked"
    assert response.body == b"".join(b"part %d\n" % number for number in range(5))


def test_cookies_go_both_ways(site: Server, connect: Connect) -> None:
    request = get("/cookies", "Cookie: a=1; b=2; c=3")

    response = connect(site).send(request).read_response()

    assert json.loads(response.body) == {"a": "1", "b": "2", "c": "3"}
    pairs = sorted(value.partition(";")[0] for value in response.all("Set-Cookie"))
    assert pairs == ["first=1", "second=2"]


def test_redirection_leads_elsewhere(site: Server, connect: Connect) -> None:
    response = connect(site).send(get("/away")).read_response()

    assert response.status == 302
    assert response["Location"] in ("/", "http://a/")


def test_file_is_answered(site_file: tuple[Server, bytes], connect: Connect) -> None:
    site, content = site_file

    response = connect(site).send(get("/file")).read_response()

    assert (response.status, response.body) == (200, content)
    assert response["Content-Length"] == str(len(content))


def test_head_of_file_is_answered(site_file: tuple[Server, bytes], connect: Connect) -> None:
    site, content = site_file
    wire = connect(site)

    response = wire.send(get("/file", method="HEAD")).read_response(to_head=True)

    assert response["Content-Length"] == str(len(content))
    assert wire.send(get()).read_response().body == b"Hello, World!"


def test_unknown_page_is_answered_404(site: Server, connect: Connect) -> None:
    assert connect(site).send(get("/nowhere")).read_response().status == 404


def test_failing_view_is_answered_500_by_the_framework(site: Server, connect: Connect) -> None:
    wire = connect(site)

    response = wire.send(get("/broken")).read_response()

    assert response.status == 500
    assert wire.send(get()).read_response().status == 200

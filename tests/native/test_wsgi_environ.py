"""The environ, as PEP 3333 and RFC 3875 want it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fix_server import Serve, Server
from fix_wire import Connect, get, post

STANDARD = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "RAW_URI": "/",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": "127.0.0.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "a",
    "wsgi.version": [1, 0],
    "wsgi.url_scheme": "http",
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "wsgi.input": "Input",
    "wsgi.errors": "ErrorStream",
    "wsgi.file_wrapper": "type",
    "fastfork.no_replay": "method",
    "wsgi.early_hints": "method",
}


@pytest.fixture(scope="module", params=["app", "validated"])
def server(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give the application as it is, and under the validator of the standard library."""
    return shared(f"environ:{request.param}")


def ask(connect: Connect, server: Server, request: bytes) -> dict[str, Any]:
    """Return the environ of *request*."""
    response = connect(server).send(request).read_response()
    assert response.status == 200, server.log
    environ: dict[str, Any] = json.loads(response.body)
    return environ


def http_keys(environ: dict[str, Any]) -> dict[str, str]:
    """Return what came from fields other than Host."""
    return {
        key: value
        for key, value in environ.items()
        if key.startswith(("HTTP_", "CONTENT_")) and key != "HTTP_HOST"
    }


def test_environ_of_a_simple_request_is_complete(shared: Serve, connect: Connect) -> None:
    server = shared("environ:app")
    wire = connect(server)

    environ = json.loads(wire.send(get()).read_response().body)

    port = str(wire.sock.getsockname()[1])
    software = environ.pop("SERVER_SOFTWARE")
    assert environ == STANDARD | {"SERVER_PORT": str(server.port), "REMOTE_PORT": port}
    assert software.startswith("fastfork/")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a/b", "/a/b", ""),
        ("/?", "/", ""),
        ("/?a=1&b=%20", "/", "a=1&b=%20"),
        ("/a%20b%2Fc?x", "/a b/c", "x"),
        ("/m%C3%BCll", "/m\u00c3\u00bcll", ""),
        ("/%zz%4", "/%zz%4", ""),
        ("//double//", "//double//", ""),
        ("/a/../b", "/a/../b", ""),
        ("/a;b=c", "/a;b=c", ""),
        ("http://b.example/x?y", "/x", "y"),
    ],
)
def test_target_becomes_path_and_query(
    server: Server, connect: Connect, target: str, path: str, query: str
) -> None:
    environ = ask(connect, server, get(target))

    assert environ["RAW_URI"] == target
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)


def test_options_of_the_server_has_an_empty_path(server: Server, connect: Connect) -> None:
    environ = ask(connect, server, get("*", method="OPTIONS"))

    assert (environ["PATH_INFO"], environ["RAW_URI"]) == ("", "*")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"])
def test_method_is_passed_on(server: Server, connect: Connect, method: str) -> None:
    assert ask(connect, server, get(method=method))["REQUEST_METHOD"] == method


def test_values_of_the_last_request_do_not_stay(server: Server, connect: Connect) -> None:
    ask(connect, server, post(b"x", "/a?b", "X-Once: 1", "Content-Type: text/plain"))

    environ = ask(connect, server, get())

    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("GET", "/")
    assert (environ["QUERY_STRING"], environ["RAW_URI"]) == ("", "/")
    assert http_keys(environ) == {}


def test_http_1_0_is_named(server: Server, connect: Connect) -> None:
    environ = ask(connect, server, b"GET / HTTP/1.0\r\n\r\n")

    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert "HTTP_HOST" not in environ


def test_host_of_the_target_wins(server: Server, connect: Connect) -> None:
    environ = ask(connect, server, get("http://b.example:81/"))

    assert environ["HTTP_HOST"] == "b.example:81"


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        (["Accept: text/html"], {"HTTP_ACCEPT": "text/html"}),
        (["X-New-Thing: 1"], {"HTTP_X_NEW_THING": "1"}),
        (["x-nEW-tHING: 1"], {"HTTP_X_NEW_THING": "1"}),
        (["X-Empty:"], {"HTTP_X_EMPTY": ""}),
        (["X-Spaces: \t a b \t"], {"HTTP_X_SPACES": "a b"}),
        (["X-Latin: \u00e9"], {"HTTP_X_LATIN": "\u00e9"}),
        (["X-Twice: 1", "Y: 2", "X-Twice: 3"], {"HTTP_X_TWICE": "1,3", "HTTP_Y": "2"}),
        (["Accept: a", "Accept: b", "ACCEPT: c"], {"HTTP_ACCEPT": "a,b,c"}),
        (["X-Twice: \u00e9", "X-Twice: \u00e9"], {"HTTP_X_TWICE": "\u00e9,\u00e9"}),
        (["X-Twice:", "X-Twice:"], {"HTTP_X_TWICE": ","}),
        (["Cookie: a=1", "Cookie: b=2"], {"HTTP_COOKIE": "a=1; b=2"}),
        (["Content-Type: text/x"], {"CONTENT_TYPE": "text/x"}),
        (["Content-Length: 0"], {"CONTENT_LENGTH": "0"}),
        (["X_Forwarded_For: 1"], {}),
        (["X-Forwarded_For: 1", "X-Forwarded-For: 2"], {"HTTP_X_FORWARDED_FOR": "2"}),
        (["Proxy: http://evil"], {}),
        (["Proxy-Thing: 1"], {"HTTP_PROXY_THING": "1"}),
        (["N" * 80 + "-x: 1"], {"HTTP_" + "N" * 80 + "_X": "1"}),
        (["!#$%&'*+.^`|~: 1"], {"HTTP_!#$%&'*+.^`|~": "1"}),
    ],
)
def test_fields_become_variables(
    server: Server, connect: Connect, fields: list[str], keys: dict[str, str]
) -> None:
    assert http_keys(ask(connect, server, get("/", *fields))) == keys


def test_many_new_names_are_told_apart(shared: Serve, connect: Connect) -> None:
    server = shared("environ:app", "--limit-request-fields", "127")
    fields = [[f"X-Name-{number}-{part}: {part}" for part in range(100)] for number in range(20)]

    seen = [http_keys(ask(connect, server, get("/", *each))) for each in fields]

    assert seen == [
        {f"HTTP_X_NAME_{number}_{part}": str(part) for part in range(100)} for number in range(20)
    ]


def test_chunked_content_has_no_length(server: Server, connect: Connect) -> None:
    request = get("/", "Transfer-Encoding: chunked", method="POST") + b"1\r\na\r\n0\r\n\r\n"

    environ = ask(connect, server, request)

    assert "CONTENT_LENGTH" not in environ
    assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"


def test_client_of_a_unix_socket_has_no_address(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    server = serve("environ:validated", "--bind", f"unix:{tmp_path}/s")

    environ = ask(connect, server, get())

    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("", "")


def test_server_is_the_listener_that_the_connection_came_by(serve: Serve, connect: Connect) -> None:
    server = serve("environ:app", "--bind", "127.0.0.1:0", "--bind", "127.0.0.1:0")
    urls = [line.split()[-1] for line in server.log.splitlines() if "Listening at" in line]

    ports = []
    for url in urls:
        server.url = url
        ports.append(ask(connect, server, get())["SERVER_PORT"])

    assert ports == [url.rpartition(":")[2] for url in urls]


def test_several_workers_are_multiprocess(serve: Serve, connect: Connect) -> None:
    assert ask(connect, serve("environ:app", workers=2), get())["wsgi.multiprocess"] is True


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/shop/cart?a", "/cart"),
        ("/shop", ""),
        ("/shop/", "/"),
        ("/sh%6Fp/x%2Fy", "/x/y"),
        ("/shopping", "/shopping"),
        ("/cart", "/cart"),
        ("/", "/"),
        ("/shop/shop/x", "/shop/x"),
    ],
)
@pytest.mark.parametrize("app", ["app", "validated"])
def test_a_path_is_split_behind_the_root_path(
    shared: Serve, connect: Connect, app: str, target: str, path: str
) -> None:
    environ = ask(connect, shared(f"environ:{app}", "--root-path", "/shop"), get(target))

    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/shop", path)
    assert environ["RAW_URI"] == target


def test_a_root_path_beyond_ascii_is_octets_as_the_path_is(serve: Serve, connect: Connect) -> None:
    environ = ask(connect, serve("environ:app", "--root-path", "/m\u00fcll"), get("/m%C3%BCll/x"))

    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/m\u00c3\u00bcll", "/x")


def test_names_with_underscores_are_refused_if_that_is_asked(
    shared: Serve, connect: Connect
) -> None:
    server = shared("environ:app", "--header-map", "refuse")

    assert connect(server).send(get("/", "X_A: b")).read_response().status == 400
    assert connect(server).send(get("/", "X-A: _")).read_response().status == 200

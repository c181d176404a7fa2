"""What the access log is told of each request."""

from __future__ import annotations

from pathlib import Path

import pytest

from fix_processes import wait_until
from fix_server import Serve
from fix_wire import Connect, get, post

FORMAT = "%(m)s %(U)s %(s)s %(B)s %({content-type}o)s"


@pytest.mark.parametrize(
    ("app", "request_", "line"),
    [
        ("answers:app", get("/hello"), "GET /hello 200 13 text/plain"),
        ("answers:app", get("/hello", method="HEAD"), "HEAD /hello 200 0 text/plain"),
        ("answers:app", get("/generator"), "GET /generator 200 13 text/plain"),
        ("answers:app", get("/large"), f"GET /large 200 {1 << 22} text/plain"),
        ("answers:app", get("/file?/bin/sh"), None),
        ("answers:app", get("/not-modified"), "GET /not-modified 304 0 -"),
        ("mistakes:app", get("/raises"), "GET /raises 500 0 -"),
        ("mistakes:app", get("/str"), "GET /str 500 0 -"),
        ("mistakes:app", get("/raises-late"), "GET /raises-late 200 5 text/plain"),
        ("mistakes:app", post(b"abc", "/fine"), "POST /fine 200 4 text/plain"),
    ],
)
def test_request_is_one_line(
    serve: Serve, connect: Connect, tmp_path: Path, app: str, request_: bytes, line: str | None
) -> None:
    log = tmp_path / "access"
    server = serve(app, "--access-logfile", str(log), "--access-logformat", FORMAT)
    if line is None:
        line = f"GET /file 200 {Path('/bin/sh').stat().st_size - 1} text/plain"

    wire = connect(server).send(request_, b"")
    wire.read_until(b"\r\n\r\n")
    if b"large" in request_ or b"file" in request_:
        wire.read(int(line.split()[3]))

    wait_until(log.read_text)
    assert log.read_text() == line + "\n"


def test_application_that_empties_its_environ_keeps_its_worker(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    log = tmp_path / "access"
    server = serve("content:thief", "--access-logfile", str(log))
    wire = connect(server)

    bodies = [wire.send(get()).read_response().body for _ in range(2)]

    assert bodies == [b"taken", b"taken"]

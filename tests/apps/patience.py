"""Read all that comes, and answer with as many octets as the query says."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request so."""
    environ["wsgi.input"].read()
    body = b"x" * int(environ["QUERY_STRING"] or "2")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

"""Answer with the environ, as JSON: the types, and the values of what is text or a flag."""

from __future__ import annotations

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request so."""
    seen = {
        key: value if isinstance(value, (str, bool, tuple)) else type(value).__name__
        for key, value in environ.items()
    }
    body = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


validated = validator(app)

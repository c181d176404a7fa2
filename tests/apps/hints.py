"""Give early hints (103), in the way that the path says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

STYLE = ("Link", "</style.css>; rel=preload; as=style")
SCRIPT = ("Link", "</script.js>; rel=preload; as=script")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer "done" behind the hints; a mistake of ours instead of it as text."""
    hint = environ["wsgi.early_hints"]
    path = environ["PATH_INFO"]
    body = b"done"
    if path == "/twice":
        hint([STYLE])
        hint([SCRIPT, ("X-A", "b")])
    elif path == "/between":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        hint([STYLE])
        start_response("200 OK", [("Content-Type", "text/plain")], (None, None, None))
        return [body]
    elif path == "/fails":
        hint([STYLE])
        raise RuntimeError("failed on purpose")
    elif path == "/late":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"begun,")
        return [told(hint, [STYLE])]
    elif path == "/mistakes":
        bad = [[("X-A", "a\r\nb")], [("X A", "b")], [("Upgrade", "x")], ["X-A"], (STYLE,)]
        body = b",".join(told(hint, headers) for headers in bad)
    else:
        hint([STYLE])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def told(hint: Callable[[object], None], headers: object) -> bytes:
    """Return the name of what giving *headers* raises."""
    try:
        hint(headers)
    except (AssertionError, TypeError, ValueError) as error:
        return type(error).__name__.encode()
    return b"fine"


validated = validator(app)

"""Count across workers, without a database: fastfork serve examples.visitors:app -w 4

The classic mistake is a global `visits += 1`: each worker counts its own. These are the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastfork import Counter, Gauge, RateLimit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

visits = Counter("visits")
busy = Gauge("requests at work")  # what a worker had that died is given back
logins = RateLimit("login", 5, per=60)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer /login five times a minute, and everything else with what was counted."""
    visits.add()
    busy.add()
    try:
        if environ["PATH_INFO"] == "/login" and (wait := logins.take()):
            start_response("429 Too Many Requests", [("Retry-After", f"{wait:.0f}")])
            return [b"Later, please.\n"]
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{visits.value} visits, {busy.value} requests at work\n".encode()]
    finally:
        busy.add(-1)

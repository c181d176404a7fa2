"""An application that counts together with other servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import fastfork

visits = fastfork.Counter("visits", backend="redis")
logins = fastfork.RateLimit("logins", 3, per=3600, backend="redis")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Count a visit, try to log in, or say how many visits there were."""
    path = environ["PATH_INFO"]
    try:
        if path == "/visit":
            visits.add()
            said = "counted"
        elif path == "/login":
            said = str(logins.take() == 0.0)
        else:
            said = str(visits.value)
    except fastfork.CounterError as error:
        said = str(error)
    start_response("200 OK", [])
    return [said.encode()]

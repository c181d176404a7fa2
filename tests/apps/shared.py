"""Count what all workers do, and say the sums."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from fastfork import Counter, Gauge, RateLimit, on_worker_start

requests = Counter("requests")
workers = Gauge("workers")
online = Gauge("online_users")
limit = RateLimit("request", 3, per=3600)


@on_worker_start
def be_counted(slot: int) -> None:
    """Count this worker."""
    workers.set(1)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Count this request; come, go, die or ask for leave as the path says."""
    requests.add()
    path = environ["PATH_INFO"]
    if path == "/come":
        online.add()
    elif path == "/die":
        online.add(100)
        os.kill(os.getpid(), signal.SIGKILL)
    said = (
        f"{limit.allow()}"
        if path == "/limited"
        else f"{requests.value} {online.value} {workers.value}"
    )
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said.encode()]

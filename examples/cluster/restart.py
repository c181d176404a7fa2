"""Workers that are restarted when they end: python examples/cluster/restart.py [PORT]

`curl localhost:8000/crash` kills one. At Ctrl-C nobody is restarted: fork() is refused then, quietly.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastfork import cluster

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PORT = sys.argv[1] if len(sys.argv) > 1 else "8000"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Crash, or answer."""
    if environ["PATH_INFO"] == "/crash":
        environ["fastfork.no_replay"]()  # or the next worker would run it, too
        os.kill(os.getpid(), signal.SIGKILL)
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"worker {cluster.worker.id if cluster.worker else 0}\n".encode()]


if cluster.is_primary:
    for _ in range(2):
        cluster.fork()

    @cluster.on("exit")
    def again(worker: cluster.Worker, code: int | None, signal: str | None) -> None:
        """Fork another one, but for those that were told to go."""
        print(f"worker {worker.id} ended ({signal or code}); forking another one", flush=True)
        if not worker.exited_after_disconnect:
            cluster.fork()

    cluster.run()
else:
    cluster.serve(app, f"127.0.0.1:{PORT}")

"""A server whose answers say which worker made them: python examples/cluster/server.py [PORT]

Connections go round: 1, 2, 3, 4, 1, ...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastfork import cluster

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

WORKERS = 4
PORT = sys.argv[1] if len(sys.argv) > 1 else "8000"


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Say who answers."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    number = cluster.worker.id if cluster.worker else 0
    return [f"Response from worker {number} (pid {os.getpid()})\n".encode()]


if cluster.is_primary:
    for _ in range(WORKERS):
        cluster.fork()

    @cluster.on("listening")
    def tell(worker: cluster.Worker, address: cluster.Address) -> None:
        """Say who serves."""
        print(f"worker {worker.id} listens on {address.address}:{address.port}", flush=True)

    cluster.run()
else:
    cluster.serve(app, f"127.0.0.1:{PORT}")

"""A worker for each core: python examples/cluster/cores.py"""

from __future__ import annotations

import os

from fastfork import cluster

if cluster.is_primary:
    print(f"primary {os.getpid()} is running", flush=True)
    for _ in os.sched_getaffinity(0):
        cluster.fork()

    @cluster.on("exit")
    def tell(worker: cluster.Worker, code: int | None, signal: str | None) -> None:
        """Say how it ended."""
        print(f"worker {worker.id} ended: {signal or code}", flush=True)

    cluster.run()
else:
    print(
        f"worker {cluster.worker.id if cluster.worker else 0} is process {os.getpid()}", flush=True
    )

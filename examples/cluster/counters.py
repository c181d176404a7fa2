"""The counter that is wrong, and the one that is right: python examples/cluster/counters.py

Each worker adds 1000 times. A variable is a worker's own; a Counter is the same in all of them.
"""

from __future__ import annotations

from fastfork import Counter, cluster

wrong = 0
right = Counter("added")

if cluster.is_primary:
    for _ in range(4):
        cluster.fork()
    cluster.run()
    print(f"the variable says {wrong}, the Counter says {right.value}", flush=True)
else:
    for _ in range(1000):
        wrong += 1
        right.add()
    print(
        f"worker {cluster.worker.id if cluster.worker else 0}: its variable says {wrong}",
        flush=True,
    )

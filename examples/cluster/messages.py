"""Workers that talk to the primary, without any server: python examples/cluster/messages.py"""

from __future__ import annotations

from fastfork import cluster

if cluster.is_primary:
    workers = [cluster.fork() for _ in range(2)]
    heard = 0

    @cluster.on("message")
    def hear(worker: cluster.Worker, message: dict[str, object]) -> None:
        """Answer the first message of each, and end when all have thanked."""
        global heard
        print(f"primary heard from worker {worker.id}: {message['text']}", flush=True)
        heard += 1
        if message["text"] == "hello":
            worker.send({"text": f"welcome, {worker.id}"})
        if heard == 2 * len(workers):
            cluster.disconnect(lambda: print("all are gone", flush=True))

    cluster.run()
else:
    assert cluster.worker is not None
    here: cluster.Here = cluster.worker

    @here.on("message")
    def answer(message: dict[str, object]) -> None:
        """Thank the primary."""
        print(f"worker {here.id} heard: {message['text']}", flush=True)
        here.send({"text": "thank you"})

    here.send({"text": "hello"})
    cluster.run()

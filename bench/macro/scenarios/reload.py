"""Does a request fail while the server is reloaded?"""

from __future__ import annotations

import os
import signal
import threading
import time

import tree
from openloop import Player, Request
from scenario import Figures, Scenario, Server

RATE, EVERY = 300.0, 1.5


def measure(server: Server, seconds: float) -> Figures:
    """Ask 300 times a second, half of it on new connections, while SIGHUP comes every 1.5 s."""
    requests = [
        Request(at=0.2 + n / RATE, service=0.002, fresh=n % 2 == 0)
        for n in range(int(RATE * seconds))
    ]
    player = Player(server.port, requests)
    ended = threading.Event()
    before = set(tree.tree(server.pid))

    def reload() -> None:
        while not ended.wait(EVERY):
            os.kill(server.pid, signal.SIGHUP)

    reloading = threading.Thread(target=reload)
    reloading.start()
    try:
        answers = player.play()
    finally:
        ended.set()
        reloading.join()
    time.sleep(0.5)  # the last one
    waits = sorted(
        answer.done - request.at for answer, request in zip(answers, requests, strict=True)
    )
    waits = [wait for wait in waits if wait < float("inf")]
    return {
        "failed": len(requests) - len(waits),
        "again": player.retried,
        "p99_ms": waits[int(len(waits) * 0.99)] * 1000 if waits else float("inf"),
        "new_processes": len(set(tree.tree(server.pid)) - before),
    }


SCENARIO = Scenario(
    question="Does a request fail while the server is reloaded every 1.5 s?",
    measure=measure,
    main="failed",
    unit="requests that failed",
    shown=("again", "p99_ms", "new_processes"),
    app="work",
    points={"4 workers": {"workers": 4}},
    drivers=("fastfork", "gunicorn-sync", "gunicorn-gthread", "granian", "uwsgi"),
    is_pinned=False,
    seconds=6.0,
    rounds=3,
    more="300 requests/s of 2 ms, half of them on new connections. 'again' had to be sent twice: their kept "
    "connection was closed meanwhile. Without new processes there was no reload.",
)

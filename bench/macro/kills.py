"""What do clients notice when workers are killed under load?

A random worker gets SIGKILL every 50 ms while clients ask on new and on kept connections. Only requests
that were inside the application may fail, by EOF or reset; none may be refused or hang. The 100 idle
connections must all survive, and the master must return to the descriptors and memory that it had.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections import Counter

import servers
import tree
from client import LAST_REQUEST, Connection

# Deaths in a row earn a worker up to 15 s of waiting. That is policy, tested elsewhere; here it would
# only leave nobody to kill.
SERVE = (
    "from fastfork.supervisor import restart; restart._CAP = 0.0\n"
    "from fastfork.cli import main; main(prog_name='fastfork')"
)


class Load:
    """Clients that ask without pause, half of them on new connections, and count what comes back."""

    def __init__(self, port: int, *, clients: int = 8) -> None:
        self.outcomes: Counter[str] = Counter()
        self._port = port
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish its request."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keeps: bool) -> None:
        connection: Connection | None = None
        while not self._ended.is_set():
            try:
                connection = connection or Connection(self._port)
                connection.ask() if keeps else connection.ask(LAST_REQUEST)
                outcome = "answered"
            except ConnectionRefusedError:
                outcome = "refused"
            except TimeoutError:
                outcome = "hung"
            except OSError:
                outcome = "cut"
            except ValueError as other:
                outcome = f"answered {other}"
            if connection and (outcome != "answered" or not keeps):
                connection.close()
                connection = None
            with self._lock:
                self.outcomes[outcome] += 1
        if connection:
            connection.close()


def kill_workers(master: int, *, count: int) -> int:
    """Kill *count* workers, one each 50 ms; return how many there were to kill."""
    killed = 0
    for _ in range(count):
        workers = tree.workers(master)
        if workers:
            os.kill(random.choice(workers), signal.SIGKILL)
            killed += 1
        time.sleep(0.05)
    return killed


def survivors(idle: list[Connection]) -> int:
    """Return how many of *idle* still answer."""
    alive = 0
    for connection in idle:
        try:
            connection.ask()
            alive += 1
        except (OSError, ValueError):
            pass  # counted by its absence
    return alive


def settled(master: int, *, fds: int) -> tuple[int, int]:
    """Return descriptors and resident bytes of *master*, at most a second after the load ended."""
    deadline = time.monotonic() + 1
    while tree.open_fds(master) > fds and time.monotonic() < deadline:
        time.sleep(0.01)
    return tree.open_fds(master), tree.resident_bytes(master)


def main() -> None:
    """Kill, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=4)
    chosen = parser.parse_args()
    servers.CACHE.mkdir(exist_ok=True)
    port = servers.free_port()
    flags = ["-b", f"127.0.0.1:{port}", "-w", str(chosen.workers), "--keep-alive", "3600"]
    command = [sys.executable, "-c", SERVE, "serve", *flags, "apps:hello"]
    with servers.running(command, port) as server:
        idle = [Connection(port) for _ in range(100)]
        survivors(idle)
        warm = Load(port)
        time.sleep(0.5)
        warm.stop()
        fds, rss = settled(server.pid, fds=0)

        load = Load(port)
        killed = kill_workers(server.pid, count=chosen.kills)
        load.stop()
        fds_after, rss_after = settled(server.pid, fds=fds)
        alive = survivors(idle)
    print(f"{killed} kills; {dict(load.outcomes.most_common())}")
    print(f"idle connections alive: {alive} of {len(idle)}")
    print(
        f"master: {fds} descriptors before, {fds_after} after; {rss >> 10} KiB, {rss_after >> 10} KiB"
    )


if __name__ == "__main__":
    main()

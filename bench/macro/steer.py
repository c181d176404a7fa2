"""Is a request lost while a server is steered: reloads, scaling, restarts, kills, retirements at random?

Clients ask on new and on kept connections without pause. Beside them, at random: `reload`, `scale`,
`restart` of one or all, SIGKILL of a worker, `dump`; workers retire after some thousand requests; status,
/metrics and /readyz are polled all the time. No GET may fail (one that met four deaths is answered 502, by
design), and no command.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import servers
import tree
from kills import SERVE, Load

from fastfork.control import Client, ControlError

ACTS = ("restart", "restart", "restart all", "kill", "dump", "reload", "scale")
RIGHT = ("does not serve now", "no worker now", "there is no slot")
"""Of a worker that a kill has just hit, that is not ready yet, or that a scale ended, these are right."""

BETWEEN = 0.3
"""Seconds between two acts, on average."""


class Polling:
    """Looks at everything that can be looked at, as often as it is answered; notes how late."""

    def __init__(self, control: Path, admin: str) -> None:
        self.failures: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.looks = 0
        self._control = control
        self._admin = admin
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Finish the round."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with Client(self._control) as client:
            while not self._ended.wait(0.05):
                self._time("status", client.status)
                for page in ("/metrics", "/readyz", "/status.json"):
                    self._time(page, partial(self._ask, page))

    def _ask(self, page: str) -> None:
        with urlopen(self._admin + page) as response:
            response.read()

    def _time(self, what: str, look: Callable[[], object]) -> None:
        began = time.monotonic()
        try:
            look()
        except (OSError, ControlError) as error:
            self.failures[f"{what}: {error}"] += 1
        self.looks += 1
        self.slowest[what] = max(self.slowest.get(what, 0.0), time.monotonic() - began)


def act(client: Client, master: int, workers: int, failures: Counter[str]) -> str:
    """Do something to the server; return what it was."""
    what = random.choice(ACTS)
    slot = random.randrange(workers)
    try:
        if what == "kill":
            os.kill(random.choice(tree.workers(master)), signal.SIGKILL)
        elif what == "dump":
            client.dump(slot)
        elif what == "reload":
            client.reload()
        elif what == "scale":
            client.scale(str(random.randint(2, workers + 2)))
        else:
            client.restart(None if what == "restart all" else slot)
    except ControlError as error:
        if not any(answer in str(error) for answer in RIGHT):
            failures[f"{what}: {error}"] += 1
    return what


def main() -> None:
    """Steer for a while, and print what was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--app", default="apps:hello", help="apps:hello_asgi is asynchronous")
    chosen = parser.parse_args()
    servers.CACHE.mkdir(exist_ok=True)
    port, admin = servers.free_port(), servers.free_port()
    with tempfile.TemporaryDirectory(prefix="ff-") as folder:
        control = Path(folder) / "control.sock"
        flags = ["-b", f"127.0.0.1:{port}", "-w", str(chosen.workers), "--max-requests", "5000"]
        flags += ["--control-socket", str(control), "--admin", f"127.0.0.1:{admin}"]
        command = [sys.executable, "-c", SERVE, "serve", *flags, chosen.app]
        with servers.running(command, port) as server, Client(control) as client:
            acts: Counter[str] = Counter()
            failures: Counter[str] = Counter()
            load, polling = Load(port), Polling(control, f"http://127.0.0.1:{admin}")
            ends = time.monotonic() + chosen.seconds
            while time.monotonic() < ends:
                acts[act(client, server.pid, chosen.workers, failures)] += 1
                time.sleep(random.uniform(0, 2 * BETWEEN))
            load.stop()
            polling.stop()
            status = client.status()
    print(f"acts: {dict(acts)}; ends of workers: {status['ends']}")
    print(f"requests: {dict(load.outcomes.most_common())}")
    print(f"commands that failed: {dict(failures) or 'none'}")
    slowest = ", ".join(f"{what} {late * 1000:.0f} ms" for what, late in polling.slowest.items())
    print(f"{polling.looks} looks, failed: {dict(polling.failures) or 'none'}; slowest: {slowest}")


if __name__ == "__main__":
    main()

"""What does it cost to change a server while it runs?

kill      milliseconds from SIGKILL of the worker to the first answer of its replacement, with an
          application that takes 2 s to import, beside gunicorn
memory    PSS of 8 workers whose application holds 150 MB of constant data, beside one worker; before and
          after 10,000 requests, and what of it is no longer shared (copy-on-write)
reload    requests that fail while it is reloaded 50 times at 300 requests a second, half of them on new
          connections, WSGI and ASGI
upgrade   the same for 10 hot upgrades in place
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import servers
import tree
from client import LAST_REQUEST, Connection
from openloop import Player, Request

MIB = 1 << 20


# Deaths in a row earn a worker up to 15 s of waiting; here each is the first one.
EAGER = (
    "from fastfork.supervisor import restart; restart._CAP = 0.0\n"
    "from fastfork.cli import main; main(prog_name='fastfork')"
)


def eager(port: int, *options: str) -> list[str]:
    """Return the command that serves one worker, and replaces it at once."""
    where = ["-b", f"127.0.0.1:{port}", "-w", "1"]
    return [sys.executable, "-c", EAGER, "serve", *where, "changing:app", *options]


def command(port: int, app: str, workers: int, *options: str) -> list[str]:
    """Return the command that serves *app*."""
    return [*servers.fastfork(port, workers, app=app), *options]


def ask(port: int) -> bytes:
    """Return the body of an answer on a new connection."""
    connection = Connection(port)
    try:
        return connection.ask(LAST_REQUEST)
    finally:
        connection.close()


def first_answer(port: int, killed: bytes) -> float:
    """Return when a worker answers that is not the one that was *killed*."""
    while True:
        try:
            if ask(port) != killed:
                return time.monotonic()
        except (OSError, ValueError):
            pass  # nobody is there yet
        time.sleep(0.0005)


def kill() -> None:
    """Print how long a server with one worker is without it."""
    gunicorn = [f"{servers.PEERS}/gunicorn", "-w", "1", "changing:app", "-b"]
    found: list[tuple[str, Callable[[int], list[str]], int]] = [
        ("fastfork", eager, 40),
        ("fastfork --no-preload", lambda port: eager(port, "--no-preload"), 3),
        ("gunicorn", lambda port: [*gunicorn, f"127.0.0.1:{port}"], 3),
    ]
    os.environ["IMPORT_SECONDS"] = "2"
    for name, words, times in found:
        port = servers.free_port()
        took = []
        with servers.running(words(port), port, body=None):
            for _ in range(times):
                victim = ask(port)
                began = time.monotonic()
                os.kill(int(victim), signal.SIGKILL)
                took.append(first_answer(port, victim) - began)
                time.sleep(2 if "no" in name or name == "gunicorn" else 0.5)
        print(
            f"kill    {name:22} median {median(took) * 1000:7.1f} ms, worst {max(took) * 1000:7.1f}"
        )
    del os.environ["IMPORT_SECONDS"]


def memory() -> None:
    """Print what 8 workers cost that share an import."""
    os.environ["IMPORT_MB"] = "150"
    sizes = {}
    for workers in (1, 8):
        port = servers.free_port()
        with servers.running(command(port, "changing:app", workers), port, body=None) as server:
            sizes[workers] = tree.memory_bytes(server.pid, "Pss")
            if workers == 1:
                one = sum(pss(pid) for pid in tree.workers(server.pid))
                continue
            before = private(server.pid)
            connection = Connection(port)
            for number in range(10_000):
                if number % 100 == 0:
                    connection.close()
                    connection = Connection(port)
                connection.ask()
            connection.close()
            after = tree.memory_bytes(server.pid, "Pss")
            copied = private(server.pid) - before
    alone = tree_of_one_without_template()
    bound = 1.3 * alone + 8 * 6 * MIB
    print(f"memory  one worker alone (--no-preload) {alone / MIB:.0f} MiB PSS")
    print(f"memory  1 worker and its template {sizes[1] / MIB:.0f} MiB, the worker {one / MIB:.0f}")
    print(
        f"memory  8 workers {sizes[8] / MIB:.0f} MiB, after 10,000 requests {after / MIB:.0f};"
        f" allowed {bound / MIB:.0f}"
    )
    print(f"memory  copied on write by 10,000 requests: {copied / MIB:.1f} MiB in 8 workers")
    del os.environ["IMPORT_MB"]


def tree_of_one_without_template() -> int:
    """Return the PSS of a server with one worker that has imported for itself."""
    port = servers.free_port()
    words = command(port, "changing:app", 1, "--no-preload")
    with servers.running(words, port, body=None) as server:
        return tree.memory_bytes(server.pid, "Pss")


def pss(pid: int) -> int:
    """Return the proportional octets of a process."""
    return _field(pid, "Pss")


def private(master: int) -> int:
    """Return the octets that workers share with nobody."""
    return sum(_field(pid, "Private_Dirty") for pid in tree.workers(master))


def _field(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def change(what: str, number: signal.Signals, count: int, *, each: float) -> None:
    """Print what becomes of requests while a server is told *number* so many times, *each* some seconds."""
    for app in ("changing:app", "changing:asgi"):
        port = servers.free_port()
        with servers.running(command(port, app, 4), port, body=None) as server:
            log = servers.CACHE / "server.log"
            pid = os.fork()
            if pid == 0:
                _change(server.pid, number, log, count)
                os._exit(0)
            seconds = count * each + 5
            chance = random.Random(1)
            times = sorted(chance.uniform(0, seconds) for _ in range(int(seconds * 300)))
            requests = [
                Request(at=at, service=0, fresh=turn % 2 == 0) for turn, at in enumerate(times)
            ]
            player = Player(port, requests)
            answers = player.play()
            os.waitpid(pid, 0)
            done = log.read_text().count("reloaded: generation")
            failed = sum(not answer.body for answer in answers)
            print(
                f"{what:7} {app:13} {done} times, {len(answers)} requests, {failed} failed,"
                f" {player.retried} on connections that had been closed"
            )


def _change(master: int, number: signal.Signals, log: Path, count: int) -> None:
    for done in range(1, count + 1):
        os.kill(master, number)
        deadline = time.monotonic() + 30
        while log.read_text().count("reloaded: generation") < done:
            if time.monotonic() > deadline:
                sys.exit(f"{number.name} {done} is not done after 30 s")
            time.sleep(0.02)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["kill", "memory", "reload", "upgrade"])
    parser.add_argument("--reloads", type=int, default=50)
    parser.add_argument("--upgrades", type=int, default=10)
    chosen = parser.parse_args()
    servers.CACHE.mkdir(exist_ok=True)
    for what in chosen.what:
        if what == "reload":
            change(what, signal.SIGHUP, chosen.reloads, each=0.5)
        elif what == "upgrade":
            change(what, signal.SIGUSR2, chosen.upgrades, each=3.0)
        else:
            {"kill": kill, "memory": memory}[what]()


if __name__ == "__main__":
    main()

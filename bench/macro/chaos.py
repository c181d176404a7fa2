"""Is a request lost, doubled or answered with another's body while workers die? Exit code 1 says yes.

Closed loop: clients ask numbered requests, half of them on new connections, and each body must bear its
number. Meanwhile random workers are killed, segfaulted, or stopped for 50 ms. What runs in a worker that
faults is suspected, and refused at the second time; here it is innocent, so faults are kept apart.

get    every request is answered, each with its own body
post   at most the running one of each death gets 502; a file of the application shows what ran how often
idle   10,000 idle connections (or what the hard limit of open files allows), half the workers killed
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import servers
import tree
from client import Connection, allow_open_files
from kills import SERVE, settled, survivors
from tail import COMMANDS, Case

CLIENTS = 32
WORKERS = 4
IDLE = 10_000
RUNS = servers.CACHE / "chaos.runs"
HARMS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP)
STOPPED = 0.05
PAUSE = 0.05
"""Seconds between two harms, in the mean."""
APART = 0.25
"""Seconds between two faults: what ran at the first has long been answered at the second."""
GRACE_BYTES = 1 << 20
"""What the master's memory may differ by: the allocator's granularity, not a leak."""


def request(number: int, *, method: str, keeps: bool) -> bytes:
    """Return the request *number*; every fourth takes 5 ms."""
    service = 0.005 if number % 4 == 0 else 0
    last = "" if keeps else "Connection: close\r\n"
    size = "Content-Length: 0\r\n" if method == "POST" else ""
    return f"{method} /?i={number}&s={service} HTTP/1.1\r\nHost: bench\r\n{size}{last}\r\n".encode()


@dataclass
class Tally:
    """What the clients saw."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each came to pass, by the kind of connection."""
    right: set[int] = field(default_factory=set)
    """The numbers that were answered as they should be."""

    def of(self, outcome: str) -> int:
        """Return how often *outcome* came to pass on either kind."""
        return sum(times for (_, name), times in self.outcomes.items() if name == outcome)

    @property
    def total(self) -> int:
        """How many requests were asked."""
        return self.outcomes.total()


class Clients:
    """Threads that ask without pause from now on."""

    def __init__(self, port: int, *, method: str) -> None:
        self.tally = Tally()
        self._port = port
        self._method = method
        self._numbers = count(1)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(turn % 2 == 0,)) for turn in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Tally:
        """Let every client finish its request; return what they saw."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return self.tally

    def _ask(self, keeps: bool) -> None:
        connection: Connection | None = None
        while not self._ended.is_set():
            with self._lock:
                number = next(self._numbers)
            asked = request(number, method=self._method, keeps=keeps)
            try:
                connection = connection or Connection(self._port)
                outcome = "right" if connection.ask(asked) == b"%d" % number else "wrong body"
            except ConnectionRefusedError:
                outcome = "refused"
            except TimeoutError:
                outcome = "hung"
            except OSError:
                outcome = "cut"
            except ValueError as other:  # ValueError(b"http/1.1 502 bad gateway")
                outcome = other.args[0].split()[1].decode()
            if connection and (outcome != "right" or not keeps or connection.ended):
                connection.close()
                connection = None
            with self._lock:
                self.tally.outcomes["kept" if keeps else "new", outcome] += 1
                if outcome == "right":
                    self.tally.right.add(number)
        if connection:
            connection.close()


def harm_workers(master: int, *, kills: int, chance: random.Random) -> Counter[str]:
    """Harm random workers until *kills* of them have died, or none come back; return what was done."""
    done: Counter[str] = Counter()
    deadline = time.monotonic() + 10 + kills
    faulted = 0.0
    while deaths(done) < kills and time.monotonic() < deadline:
        time.sleep(min(4 * PAUSE, chance.expovariate(1 / PAUSE)))
        if not (workers := tree.workers(master)):
            continue
        pid, harm = chance.choice(workers), chance.choice(HARMS)
        if harm == signal.SIGSEGV and time.monotonic() - faulted < APART:
            harm = signal.SIGKILL
        try:
            os.kill(pid, harm)
            if harm == signal.SIGSTOP:
                time.sleep(STOPPED)
                os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue  # it has just died
        if harm == signal.SIGSEGV:
            faulted = time.monotonic()
        done[harm.name] += 1
    return done


def deaths(harms: Counter[str]) -> int:
    """Return how many workers died."""
    return harms.total() - harms["SIGSTOP"]


def command(name: str, port: int) -> list[str]:
    """Return how *name* is started; fastfork without back-off, and recycling if it can."""
    if name != "fastfork":
        return COMMANDS[name](port, Case(workers=WORKERS))
    flags = ["-b", f"127.0.0.1:{port}", "-w", str(WORKERS), "--keep-alive", "3600"]
    if servers.knows("--max-requests"):
        flags += ["--max-requests", "2000"]
    return [sys.executable, "-c", SERVE, "serve", *flags, "apps:work"]


def repeated() -> tuple[int, set[int]]:
    """Return how many numbers ran more than once, and the numbers that ran."""
    ran = Counter(map(int, RUNS.read_text().split()))
    return sum(times > 1 for times in ran.values()), {*ran}


def broken_promises(method: str, tally: Tally, *, dead: int) -> list[str]:
    """Return what should not have happened."""
    allowed = {"right", "502"} if method == "POST" else {"right"}
    broken = [
        f"{times} {outcome} ({kind})"
        for (kind, outcome), times in sorted(tally.outcomes.items())
        if outcome not in allowed
    ]
    if tally.of("502") > dead and method == "POST":
        broken.append(f"{tally.of('502')} times 502, more than the {dead} deaths")
    if method == "POST":
        twice, ran = repeated()
        if twice:
            broken.append(f"{twice} ran more than once")
        if unseen := tally.right - ran:
            broken.append(f"{len(unseen)} answered that never ran")
    return broken


def load(name: str, method: str, *, kills: int, chance: random.Random) -> list[str]:
    """Harm workers under load; print what happened and return the broken promises."""
    RUNS.write_bytes(b"")
    port = servers.free_port()
    with servers.running(command(name, port), port, body=None) as server:
        warm = Clients(port, method=method)
        time.sleep(0.5)
        warm.stop()
        RUNS.write_bytes(b"")  # the numbers begin again
        fds, rss = settled(server.pid, fds=0)

        clients = Clients(port, method=method)
        harms = harm_workers(server.pid, kills=kills, chance=chance)
        tally = clients.stop()
        if server.poll() is not None:
            return [f"the master ended after {dict(harms)}"]
        fds_after, rss_after = settled(server.pid, fds=fds)
    broken = broken_promises(method, tally, dead=deaths(harms))
    if deaths(harms) < kills:
        broken.append(f"{deaths(harms)} of {kills} kills: no worker came back")
    if fds_after > fds:
        broken.append(f"{fds_after - fds} descriptors left in the master")
    if rss_after - rss > GRACE_BYTES:
        broken.append(f"{(rss_after - rss) >> 10} KiB left in the master")
    print(f"{method}: {dict(harms)}, {tally.total} requests")
    for (kind, outcome), times in sorted(tally.outcomes.items()):
        print(f"  {kind:5}{outcome:11}{times:8d}")
    print(f"  master: {fds} descriptors, {rss >> 10} KiB; then {fds_after}, {rss_after >> 10} KiB")
    return broken


def idle(name: str, *, chance: random.Random) -> list[str]:
    """Kill half the workers among idle connections; return the broken promises."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    size = IDLE if hard == resource.RLIM_INFINITY else min(IDLE, hard - 1000)
    if size < IDLE:
        print(f"idle: {size} connections instead of {IDLE}: {hard} files may be open (ulimit -Hn)")
    allow_open_files(size + 500)
    port = servers.free_port()
    with servers.running(command(name, port), port, body=None) as server:
        opened = [Connection(port) for _ in range(size)]
        before = survivors(opened)
        fds = tree.open_fds(server.pid)
        for pid in chance.sample(tree.workers(server.pid), WORKERS // 2):
            os.kill(pid, signal.SIGKILL)
        alive = survivors(opened)
        print(f"idle: {before} of {size} answered, {alive} after {WORKERS // 2} deaths")
        print(f"  master: {fds} descriptors, then {tree.open_fds(server.pid)}")
        for connection in opened:
            connection.close()
    return [f"{size - alive} of {size} idle connections lost"] if alive < size else []


def main() -> None:
    """Run the modes that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", choices=COMMANDS, default="fastfork")
    parser.add_argument("--mode", nargs="+", choices=("get", "post", "idle"), dest="modes")
    chosen = parser.parse_args()
    servers.CACHE.mkdir(exist_ok=True)
    os.environ["BENCH_RUNS"] = str(RUNS)
    chance = random.Random(chosen.seed)
    broken = []
    for mode in chosen.modes or ("get", "post", "idle"):
        if mode == "idle":
            found = idle(chosen.server, chance=chance)
        else:
            found = load(chosen.server, mode.upper(), kills=chosen.kills, chance=chance)
        broken += [f"{mode}: {what}" for what in found]
    RUNS.unlink(missing_ok=True)
    if broken:
        sys.exit("broken: " + "; ".join(broken))


if __name__ == "__main__":
    main()

"""What do FastAPI, bodies, streams and WebSockets cost under fastfork, uvicorn and granian?

As compare.py: one worker on core 0, the load from core 1, interleaved rounds, CPU of the whole tree for each
request or message; and the memory of idle WebSockets. Run it with a Python that has fastfork[standard] and
fastapi; the peers have an environment of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import compare
import servers
import tree

POST = 'wrk.method = "POST"\nwrk.body = string.rep("x", 102400)\n'
SECONDS = 2

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % base64.b64encode(b"x" * 16)
)
FRAME = b"\x81\x94\0\0\0\0" + b"x" * 20  # a text of 20 octets, masked by zeroes


def _uvicorn(port: int, app: str) -> list[str]:
    where = ["--port", str(port), "--factory" if app.endswith("fastapi") else "--no-access-log"]
    return [f"{servers.PEERS}/uvicorn", "--no-access-log", *where, app]


def _granian(port: int, app: str) -> list[str]:
    how = ["--interface", "asgi", "--http", "1", "--loop", "uvloop"]
    factory = ["--factory"] if app.endswith("fastapi") else []
    return [f"{servers.PEERS}/granian", *how, *factory, "--port", str(port), "--workers", "1", app]


def _fastfork(port: int, app: str) -> list[str]:
    command = servers.fastfork(port, 1, app=app + "()" * app.endswith("fastapi"))
    return [*command, "--worker-connections", "20000"]  # WebSockets count, too


SERVERS: dict[str, Callable[[int, str], list[str]]] = {
    "fastfork": _fastfork,
    "uvicorn": _uvicorn,
    "granian": _granian,
}


class Client(asyncio.Protocol):
    """A WebSocket that says the same each time that it was answered."""

    def __init__(self, on_open: Callable[[], None]) -> None:
        self.on_open = on_open
        self.answers = 0
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Say it again."""
        if not self.is_open:
            assert data.startswith(b"HTTP/1.1 101"), data
            self.is_open = True
            self.on_open()
            return
        self.answers += 1
        self.transport.write(FRAME)


async def converse(port: int, pid: int, *, count: int, seconds: float) -> float:
    """Return CPU us of a message, with *count* WebSockets; without *seconds*, KiB of memory for each one."""
    loop = asyncio.get_running_loop()
    missing, all_open = count, loop.create_future()

    def on_open() -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            all_open.set_result(None)

    memory = tree.memory_bytes(pid, "Pss")
    made = [
        await loop.create_connection(lambda: Client(on_open), "127.0.0.1", port)
        for _ in range(count)
    ]
    clients = [client for _, client in made]
    await all_open
    if seconds == 0:
        await asyncio.sleep(1)
        return (tree.memory_bytes(pid, "Pss") - memory) / 1024 / count
    for client in clients:
        client.transport.write(FRAME)
    await asyncio.sleep(0.3)
    cpu, before = tree.cpu_seconds(pid), sum(client.answers for client in clients)
    await asyncio.sleep(seconds)
    messages = sum(client.answers for client in clients) - before
    return (tree.cpu_seconds(pid) - cpu) / messages * 1e6


def by_wrk(port: int, pid: int, *, path: str = "/", lua: str = "") -> float:
    """Return CPU us of a request."""
    script = servers.CACHE / "post.lua"
    script.write_text(lua)
    core = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "-c", core, "wrk", "-t1", "-c40", f"-d{SECONDS}s", "-s", str(script)]
    before = tree.cpu_seconds(pid)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True
    )
    sample = compare.parse(done.stdout, cpu=tree.cpu_seconds(pid) - before)
    if sample.failed:
        raise RuntimeError(f"{sample.failed} requests failed")
    return sample.cpu_us


def sockets(port: int, pid: int, *, count: int, seconds: float = SECONDS) -> float:
    """Run `converse`."""
    return asyncio.run(converse(port, pid, count=count, seconds=seconds))


SCENARIOS: dict[str, tuple[str, Callable[[int, int], float]]] = {
    "FastAPI, JSON; us": ("asgi_apps:fastapi", by_wrk),
    "100 KB there and back; us": ("asgi_apps:plain", lambda p, pid: by_wrk(p, pid, lua=POST)),
    "stream of 1 MiB; us": ("asgi_apps:plain", lambda p, pid: by_wrk(p, pid, path="/stream")),
    "1 WebSocket; us": ("asgi_apps:plain", lambda p, pid: sockets(p, pid, count=1)),
    "1000 WebSockets; us": ("asgi_apps:plain", lambda p, pid: sockets(p, pid, count=1000)),
    "10000 idle WebSockets; KiB each": (
        "asgi_apps:plain",
        lambda p, pid: sockets(p, pid, count=10_000, seconds=0),
    ),
}


def measure(server: str, scenario: str) -> float:
    """Start *server*, ask, stop it."""
    app, ask = SCENARIOS[scenario]
    port = servers.free_port()
    core = min(os.sched_getaffinity(0))
    with servers.running(SERVERS[server](port, app), port, core=core, body=None) as process:
        time.sleep(0.2)
        return ask(port, process.pid)


def main() -> None:
    """Measure and print one line per scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=[*SERVERS])
    chosen = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    servers.prepare()
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    print(f"{'median of ' + str(chosen.rounds):34}" + "".join(f"{n:>12}" for n in chosen.servers))
    for scenario in SCENARIOS:
        results: dict[str, list[float]] = {name: [] for name in chosen.servers}
        for _ in range(chosen.rounds):
            for name in chosen.servers:
                try:
                    results[name].append(measure(name, scenario))
                except (OSError, RuntimeError) as problem:
                    print(f"{name} does not do it: {problem}")
        told = [f"{median(of):12.1f}" if of else f"{'-':>12}" for of in results.values()]
        print(f"{scenario:34}{''.join(told)}", flush=True)


if __name__ == "__main__":
    main()

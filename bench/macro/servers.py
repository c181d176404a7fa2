"""What the scripts need that measure fastfork by itself: a server that runs, until the block ends."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from drivers import CACHE, HERE, PEERS, prepare

__all__ = [
    "CACHE",
    "HERE",
    "PEERS",
    "fastfork",
    "free_port",
    "knows",
    "prepare",
    "running",
    "verify",
]


def fastfork(port: int, workers: int, *, app: str = "apps:hello") -> list[str]:
    """Return the command that serves *app* with the fastfork of this Python."""
    where = ["-b", f"127.0.0.1:{port}", "-w", str(workers)]
    return [sys.executable, "-m", "fastfork", "serve", *where, app]


def knows(option: str) -> bool:
    """Return whether the fastfork of this Python has *option*."""
    command = [sys.executable, "-m", "fastfork", "serve", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return option in told.split()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def verify(port: int, *, body: bytes | None = b"Hello, World!") -> None:
    """Raise unless the server answers 200 with *body* (None: any)."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        conn.request("GET", "/")
        answer = conn.getresponse()
        got = answer.read()
    finally:
        conn.close()
    if answer.status != 200 or body not in (None, got):
        raise RuntimeError(f"answered {answer.status} {got[:60]!r}")


@contextmanager
def running(
    command: list[str], port: int, *, core: int | None = None, body: bytes | None = b"Hello, World!"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* until the block ends; inside, it has answered its first request."""
    pin = [] if core is None else ["taskset", "-c", str(core)]
    if not shutil.which(command[0]):
        raise RuntimeError("absent")
    log = CACHE / "server.log"
    # A machine that writes no bytecode compiles at every start: that says nothing about a server.
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("wb") as out:
        server = subprocess.Popen([*pin, *command], stdout=out, stderr=out, cwd=HERE, env=env)
    try:
        deadline = time.monotonic() + 15
        while True:
            try:
                verify(port, body=body)
                break
            except (OSError, http.client.HTTPException):
                if server.poll() is not None or time.monotonic() > deadline:
                    last = log.read_text(errors="replace").strip().splitlines()[-1:]
                    raise RuntimeError(f"absent: {''.join(last)[:70]}") from None
                time.sleep(0.002)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

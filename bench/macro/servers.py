"""How each server is started, with the same application, on a port and cores of our choice."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
PEERS = CACHE / "venv" / "bin"
FLOOR = CACHE / "floor"
PACKAGES = ("gunicorn", "granian", "freastal", "bjoern", "uvicorn[standard]", "uwsgi")

BJOERN = "import sys, apps, bjoern; bjoern.run(apps.hello, '127.0.0.1', int(sys.argv[1]))"
FREASTAL = "import sys, apps, freastal; freastal.serve(apps.hello, '127.0.0.1', int(sys.argv[1]))"


def _gunicorn(kind: str, *options: str) -> Callable[[int, int], list[str]]:
    def command(port: int, workers: int) -> list[str]:
        where = ["-b", f"127.0.0.1:{port}", "-w", str(workers)]
        return [f"{PEERS}/gunicorn", "-k", kind, *options, *where, "apps:hello"]

    return command


def fastfork(port: int, workers: int, *, app: str = "apps:hello") -> list[str]:
    """Return the command that serves *app* with the fastfork of this Python."""
    where = ["-b", f"127.0.0.1:{port}", "-w", str(workers)]
    return [sys.executable, "-m", "fastfork", "serve", *where, app]


def _logged(form: str) -> Callable[[int, int], list[str]]:
    def command(port: int, workers: int) -> list[str]:
        form_of = ["--access-log-format", "json"] if form == "json" else []
        return [*fastfork(port, workers), "--access-logfile", str(CACHE / "access.log"), *form_of]

    return command


def _granian(port: int, workers: int) -> list[str]:
    lean = ["--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", "1"]
    where = ["--port", str(port), "--workers", str(workers)]
    return [f"{PEERS}/granian", *lean, *where, "apps:hello"]


def _granian_asgi(port: int, workers: int) -> list[str]:
    where = ["--port", str(port), "--workers", str(workers), "--loop", "uvloop"]
    return [f"{PEERS}/granian", "--interface", "asgi", "--http", "1", *where, "apps:hello_asgi"]


def _gunicorn_asgi(port: int, workers: int) -> list[str]:
    where = ["-b", f"127.0.0.1:{port}", "-w", str(workers)]
    return [f"{PEERS}/gunicorn", "-k", "asgi", *where, "apps:hello_asgi"]


def _fastfork_asgi(port: int, workers: int) -> list[str]:
    return fastfork(port, workers, app="apps:hello_asgi")


def _uvicorn(port: int, workers: int) -> list[str]:
    where = ["--port", str(port), "--workers", str(workers)]
    return [f"{PEERS}/uvicorn", "--no-access-log", *where, "apps:hello_asgi"]


# name -> command for (port, workers). Those that ignore the number have one worker and no master.
COMMANDS: dict[str, Callable[[int, int], list[str]]] = {
    "floor": lambda port, _: [str(FLOOR), str(port)],
    "floor-one-packet": lambda port, _: [str(FLOOR), str(port), "one-packet"],
    "fastfork": fastfork,
    "fastfork-access-log": _logged("text"),
    "fastfork-access-json": _logged("json"),
    "bjoern": lambda port, _: [f"{PEERS}/python", "-c", BJOERN, str(port)],
    "freastal": lambda port, _: [f"{PEERS}/python", "-c", FREASTAL, str(port)],
    "granian": _granian,
    "fastfork-asgi": _fastfork_asgi,
    "granian-asgi": _granian_asgi,
    "gunicorn-asgi": _gunicorn_asgi,
    "uvicorn": _uvicorn,
    "gunicorn-gthread": _gunicorn("gthread", "--threads", "4"),
    "gunicorn-sync": _gunicorn("sync"),
    "node-cluster": lambda port, _: ["node", str(HERE / "node_cluster.js"), str(port)],
}


def prepare() -> None:
    """Compile the floor, and once give the peers an environment; what won't install is left out."""
    CACHE.mkdir(exist_ok=True)
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra"]
    subprocess.run(["gcc", *flags, "-o", str(FLOOR), str(HERE / "floor.c")], check=True)
    if PEERS.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
    for package in PACKAGES:
        done = subprocess.run(
            [f"{PEERS}/pip", "install", "-q", package], capture_output=True, text=True
        )
        if done.returncode:  # bjoern needs the headers of libev (Debian: libev-dev)
            print(f"{package} does not install: {done.stderr.strip().splitlines()[-1]}")


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

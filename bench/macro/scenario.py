"""What is asked of servers: a scenario, a server that runs for it, and the load that checks every answer."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tree
from drivers import CACHE, HERE, LOAD, Driver, Job

import apps

Figures = dict[str, float]

GET = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


class Refused(Exception):
    """A server has no row here: its answers are wrong, or it does not start."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that answers."""

    port: int
    pid: int
    start_ms: float
    """From the command to the first answer."""
    driver: Driver
    job: Job


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A question, and how it is measured."""

    question: str
    measure: Callable[[Server, float], Figures]
    """Asks the server for about so many seconds."""
    main: str = "cpu_us"
    """The figure that answers the question; the least is the best."""
    unit: str = "CPU µs / request"
    shown: tuple[str, ...] = ("rps", "p50_ms", "p99_ms")
    """Figures beside it."""
    kinds: tuple[str, ...] = ("wsgi", "hello")
    """Servers of each kind are compared with each other; those of hello stand with all."""
    app: str = "hello"
    points: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: {"": {}})
    """Shapes: name -> what of a `Job` differs."""
    drivers: tuple[str, ...] = ()
    """Only these; (): all that can."""
    also: tuple[str, ...] = ()
    """Variants that stand here, too."""
    is_pinned: bool = True
    """The server on the first core, the load on the last; else where the kernel likes."""
    is_quick: bool = False
    """Also in `make bench-quick`."""
    seconds: float = 1.0
    rounds: int = 5
    more: str = ""
    """What the report says below its table."""


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def ask(port: int, request: tuple[str, str, bytes] = ("GET", "/", b"")) -> bytes:
    """Return the body that is answered on a new connection; Refused unless it comes with 200."""
    method, path, body = request
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body or None)
        answer = connection.getresponse()
        got = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"answers {answer.status}")
    return got


def cores() -> tuple[int, int]:
    """Return the core of the server, and that of the load."""
    mine = sorted(os.sched_getaffinity(0))
    return mine[0], mine[-1]


@contextmanager
def serving(driver: Driver, job: Job, *, pinned: bool) -> Iterator[Server]:
    """Run *driver* until the block ends; inside, it has answered. Refused when it does not."""
    command = driver.command(job)
    if not shutil.which(command[0]):
        raise Refused("not installed")
    pin = ["taskset", "-c", str(cores()[0])] if pinned else []
    log = CACHE / "server.log"
    # A machine that writes no bytecode compiles at every start: that says nothing about a server.
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.monotonic()
    with log.open("wb") as out:  # a session of its own: our Ctrl-C is not its
        process = subprocess.Popen(
            [*pin, *command], stdout=out, stderr=out, cwd=HERE, env=env, start_new_session=True
        )
    try:
        _await(process, job, log=log)
        took = (time.monotonic() - began) * 1000
        try:
            yield Server(port=job.port, pid=process.pid, start_ms=took, driver=driver, job=job)
        except Refused:
            if (status := process.poll()) is not None:
                raise Refused(f"dies under load, status {status}") from None
            raise
    finally:
        _stop(process)


def _await(process: subprocess.Popen[bytes], job: Job, *, log: Path) -> None:
    # An application that wants a body answers an error here: it is alive.
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", job.port), timeout=5) as sock:
                sock.sendall(GET)
                if sock.recv(65_536):
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise Refused(f"does not start: {''.join(last)[:120]}")
        time.sleep(0.002)


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = tree.tree(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in family[1:]:  # whom it left behind; a session is ours as long as its leader's number
        try:
            if os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def load(
    server: Server,
    seconds: float,
    *,
    request: bytes = GET,
    body: bytes | None = None,
    connections: int = 40,
    rate: float = 0.0,
    depth: int = 1,
    fresh: bool = False,
) -> Figures:
    """Load *server* and check each answer: load.c. Figures: cpu_us (of the whole tree), rps, *_ms, failed.

    Refused when one answer is not 200 with *body* (that of the application, by default), none comes, or
    more than 1 % of the requests have none.
    """
    pin = ["taskset", "-c", str(cores()[1])]
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "request", Path(folder) / "body"
        files[0].write_bytes(request)
        files[1].write_bytes(apps.BODIES[server.job.app] or b"" if body is None else body)

        def play(seconds: float) -> Figures:
            numbers = [server.port, connections, seconds, rate, depth, int(fresh)]
            command = [*pin, str(LOAD), *map(str, numbers), *map(str, files)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told: Figures = json.loads(done.stdout)
            return told

        if play(server.driver.warm)["wrong"]:
            raise Refused("answers something else than was asked for")
        before = tree.cpu_seconds(server.pid)
        told = play(seconds)
        cpu = tree.cpu_seconds(server.pid) - before
    if told["wrong"] or not told["requests"]:
        raise Refused(f"{told['wrong']:.0f} wrong answers, {told['requests']:.0f} right ones")
    if told["failed"] > told["requests"] / 100:
        raise Refused(f"{told['failed']:.0f} requests failed beside {told['requests']:.0f} answers")
    figures = {
        "cpu_us": cpu / told["requests"] * 1e6,
        "rps": told["requests"] / told["seconds"],
        "failed": told["failed"],
    }
    for name in ("p50", "p90", "p99", "p999", "max"):
        figures[f"{name}_ms"] = told[f"{name}_us"] / 1000
    return figures


def closed(
    *, request: bytes = GET, connections: int = 40, depth: int = 1, fresh: bool = False
) -> Callable[[Server, float], Figures]:
    """Measure by a closed loop of *connections*."""

    def measure(server: Server, seconds: float) -> Figures:
        return load(
            server, seconds, request=request, connections=connections, depth=depth, fresh=fresh
        )

    return measure


def post(body: bytes, *, kind: str = "application/octet-stream") -> bytes:
    """Return the octets of a POST."""
    head = f"POST / HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body

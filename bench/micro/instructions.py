"""How many instructions does a request cost in user space, in the master and in a worker?

Counted by valgrind (callgrind), so the figure is the same in every run: what a change costs shows to the
last per mille, on any machine. Two runs of different length; their difference leaves out what is paid once.
The kernel's share is not counted.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from fastfork._native import wsgi
from fastfork._native.dispatcher import Dispatcher, Seat
from fastfork._native.lane import Lane
from fastfork._native.networks import Networks

MACRO = Path(__file__).parents[1] / "macro"
sys.path.insert(0, str(MACRO))

from client import LAST_REQUEST, Connection  # noqa: E402

import apps  # noqa: E402 - a directory of scripts

FEW, MANY = 500, 2500


def work(seat: Seat, port: int) -> NoReturn:
    """Be a worker, until SIGTERM."""
    lane = Lane(
        seat,
        head_timeout=10,
        body_timeout=10,
        write_timeout=10,
        linger=0.1,
        relays=Networks(""),
        trusted=Networks("127.0.0.1,::1"),
        body_buffer=1 << 20,
        limit_head=16_384,
        limit_line=8190,
        limit_field=8190,
        limit_fields=100,
    )
    signal.signal(signal.SIGTERM, lambda number, frame: lane.drain())
    signal.set_wakeup_fd(lane.wakeup_fd)
    where = ("127.0.0.1", str(port))
    wsgi.serve(lane, apps.hello, servers=[where], errors=sys.stderr, on_error=print)
    os._exit(0)


def serve(port: int, *, workers: int) -> None:
    """Be a master with its workers, until SIGTERM. Not the real one: valgrind knows no pidfd."""
    ended: list[int] = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        dispatcher = Dispatcher(max_connections=64, keep_alive=75, silence=10)
        dispatcher.listen(listener.fileno())
        seats = [dispatcher.seat(dispatcher.lease()) for _ in range(workers)]
        pids = []
        for seat in seats:
            pids.append(os.fork())
            if pids[-1] == 0:
                work(seat, port)
            dispatcher.ready(seat.lane)
        signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
        while not ended:
            dispatcher.wait(1.0)
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                dispatcher.wait(0.05)


def ask_kept(port: int, count: int) -> None:
    """Ask *count* times on one connection."""
    connection = Connection(port, timeout=60)
    for _ in range(count):
        connection.ask()
    connection.close()


def ask_new(port: int, count: int) -> None:
    """Ask *count* times, each on a connection of its own."""
    for _ in range(count):
        connection = Connection(port, timeout=60)
        connection.ask(LAST_REQUEST)
        connection.close()


def totals(ask: Callable[[int, int], None], *, count: int, workers: int) -> tuple[int, int]:
    """Return the instructions of a master and of its worker that answered *count* requests."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        out = f"--callgrind-out-file={folder}/%p"
        valgrind = ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", out]
        served = [sys.executable, __file__, "--serve", str(port), "--workers", str(workers)]
        path = os.pathsep.join([str(MACRO), os.environ.get("PYTHONPATH", "")])
        server = subprocess.Popen([*valgrind, *served], env=os.environ | {"PYTHONPATH": path})
        try:
            while server.poll() is None:
                try:
                    Connection(port).close()
                    break
                except ConnectionRefusedError:
                    pass
            ask(port, count)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
            texts = {int(file.name): file.read_text() for file in Path(folder).iterdir()}
    found = {
        pid: int(*re.findall(r"^totals: (\d+)", text, re.MULTILINE)) for pid, text in texts.items()
    }
    master = found.pop(server.pid)
    return master, sum(found.values())


def main() -> None:
    """Print both kinds of request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, workers=chosen.workers)
        return
    if not shutil.which("valgrind"):
        parser.error("needs valgrind")
    print(f"{'instructions a request':24}{'master':>9}{'worker':>9}")
    for label, ask in (("kept connection", ask_kept), ("connection per request", ask_new)):
        few = totals(ask, count=FEW, workers=chosen.workers)
        many = totals(ask, count=MANY, workers=chosen.workers)
        master, worker = ((b - a) / (MANY - FEW) for a, b in zip(few, many, strict=True))
        print(f"{label:24}{master:9.0f}{worker:9.0f}", flush=True)


if __name__ == "__main__":
    main()

"""What do large answers cost: 1 MiB from memory beside a bare C send loop, and a 1 GiB file beside nginx?

One client, one kept connection. CPU seconds of the server's whole tree for each GiB, and GiB a second; rounds
are interleaved, the median counts. nginx is left out where there is none.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from servers import CACHE, HERE, free_port, running
from tree import cpu_seconds

GIB = 1 << 30
SENDLOOP = CACHE / "sendloop"
NGINX = """
{user} daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
events {{ }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ try_files /file =404; }} }}
}}
"""


def fastfork(app: str) -> Callable[[int, Path], list[str]]:
    """Return the command for one worker of *app*."""

    def command(port: int, folder: Path) -> list[str]:
        where = ["-b", f"127.0.0.1:{port}", "-w", "1"]
        return [sys.executable, "-m", "fastfork", "serve", *where, f"bulk_apps:{app}"]

    return command


def sendloop(port: int, folder: Path) -> list[str]:
    """Return the command for the bare C loop."""
    source = HERE / "sendloop.c"
    if not SENDLOOP.exists() or SENDLOOP.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-o", str(SENDLOOP), str(source)], check=True)
    return [str(SENDLOOP), str(port), str(1 << 20)]


def nginx(port: int, folder: Path) -> list[str]:
    """Return the command for an nginx that sends the file."""
    conf = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # else it may not read our folder
    conf.write_text(NGINX.format(folder=folder, port=port, user=user))
    return ["nginx", "-e", f"{folder}/error", "-c", str(conf)]


def fetch(port: int, total: int) -> None:
    """Ask on one connection until *total* octets of content have come."""
    room = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        while total > 0:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            head, _, begun = head.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            left = length - len(begun)
            while left > 0:
                left -= sock.recv_into(room, min(left, len(room)))
            total -= length


def measure(
    command: Callable[[int, Path], list[str]], total: int, folder: Path
) -> tuple[float, float]:
    """Return CPU seconds for each GiB, and GiB a second."""
    port = free_port()
    with running(command(port, folder), port, body=None) as server:
        fetch(port, total // 8)  # warm
        before, began = cpu_seconds(server.pid), time.monotonic()
        fetch(port, total)
        spent, took = cpu_seconds(server.pid) - before, time.monotonic() - began
    return spent / total * GIB, total / GIB / took


def main() -> None:
    """Print a table for each of the two questions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gib", type=int, default=4, help="GiB in each round")
    chosen = parser.parse_args()
    CACHE.mkdir(exist_ok=True)
    questions = {
        "1 MiB from memory": {"fastfork": fastfork("body"), "C send loop": sendloop},
        "a file of 1 GiB": {"fastfork": fastfork("file")},
    }
    if shutil.which("nginx"):
        questions["a file of 1 GiB"]["nginx"] = nginx
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["BULK_FILE"] = str(folder / "file")
        (folder / "file").write_bytes(b"x" * GIB)
        for question, servers in questions.items():
            print(f"{question:20}{'CPU s/GiB':>12}{'GiB/s':>8}", flush=True)
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
            for _ in range(chosen.rounds):
                for name, command in servers.items():
                    results[name].append(measure(command, chosen.gib * GIB, folder))
            for name, rows in results.items():
                cpu, speed = (statistics.median(column) for column in zip(*rows, strict=True))
                print(f"{name:20}{cpu:12.3f}{speed:8.2f}", flush=True)


if __name__ == "__main__":
    main()

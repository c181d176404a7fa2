"""What does the master itself cost: for each connection, when nothing can be done, and at its longest?

dispatch  microseconds of the master's CPU for a connection with one request, with 1 to 64 workers
quiet     milliseconds of its CPU a second: nobody asks; every worker blocked and 500 clients waiting
pass      how much CPU one pass takes that takes back, or recovers, thousands of connections (pass.c)
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import servers
from client import LAST_REQUEST, Connection, allow_open_files

WORKERS = (1, 4, 16, 64)
REQUESTS = 4000
WAITING = 500
CORE = servers.HERE.parents[1] / "ext" / "core"
STAGE = servers.HERE.parents[1] / "tests" / "core"
PASS = servers.CACHE / "pass"


def cpu_ms(pid: int) -> float:
    """Return the CPU time that the first thread of *pid* has had; to the microsecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def dispatch() -> None:
    """Ask one connection after the other."""
    print("\ndispatch: CPU of the master for each connection")
    for workers in WORKERS:
        port = servers.free_port()
        with servers.running(servers.fastfork(port, workers), port) as server:
            for count in (500, REQUESTS):  # the first ones warm it
                began = cpu_ms(server.pid)
                for _ in range(count):
                    connection = Connection(port)
                    connection.ask(LAST_REQUEST)
                    connection.close()
            used = (cpu_ms(server.pid) - began) / REQUESTS * 1000
        print(f"{workers:4d} workers {used:8.1f} us", flush=True)


def quiet(seconds: float = 5.0) -> None:
    """Look at a master that has nothing to do."""
    print("\nquiet: CPU of the master a second")
    port = servers.free_port()
    command = [*servers.fastfork(port, 4, app="apps:work"), "--timeout", "0"]
    with servers.running(command, port, body=None) as server:
        time.sleep(1.0)
        for label, clients in (("idle", 0), (f"4 blocked, {WAITING} waiting", WAITING + 4)):
            opened = [Connection(port) for _ in range(clients)]
            for connection in opened:
                connection.send(b"GET /?s=60 HTTP/1.1\r\nHost: bench\r\n\r\n")
            time.sleep(1.0)
            began = cpu_ms(server.pid)
            time.sleep(seconds)
            print(f"{label:24}{(cpu_ms(server.pid) - began) / seconds:8.3f} ms", flush=True)
            for connection in opened:
                connection.close()
        server.kill()


def longest_pass() -> None:
    """Compile and run pass.c, which uses the core as its tests do."""
    units = [str(path) for path in sorted(CORE.glob("*.c"))]
    here = [str(servers.HERE / "pass.c"), str(STAGE / "stage.c")]
    flags = ["-std=c11", "-D_GNU_SOURCE=", "-O3", f"-I{CORE}", f"-I{STAGE}"]
    subprocess.run(["gcc", *flags, *here, *units, "-lpthread", "-o", str(PASS)], check=True)
    print("\npass: the longest one, and how many there were", flush=True)
    subprocess.run([str(PASS)], check=True)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", nargs="+", choices=("dispatch", "quiet", "pass"))
    chosen = parser.parse_args().what or ("dispatch", "quiet", "pass")
    servers.CACHE.mkdir(exist_ok=True)
    allow_open_files(4096)
    for name, measure in (("dispatch", dispatch), ("quiet", quiet), ("pass", longest_pass)):
        if name in chosen:
            measure()


if __name__ == "__main__":
    main()

"""What does fastfork need besides CPU time, and does it deal evenly?

connections    memory per idle keep-alive connection: how the tree grows from 4000 of them to 8000
parked         CPU of the tree for a request that finds its connection parked, beside one that finds it hot
distribution   over 4 workers: 400 sequential connections, 40 open at once, 4000 by 40 clients
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from itertools import pairwise

import servers
import tree
from client import LAST_REQUEST, Connection, allow_open_files

WORKERS = 4


def ask_once(port: int) -> bytes:
    """Return the body of a request on a connection of its own."""
    connection = Connection(port)
    try:
        return connection.ask(LAST_REQUEST)
    finally:
        connection.close()


def open_idle(port: int, *, count: int) -> list[Connection]:
    """Return connections that have had one answer each."""
    opened = []
    for _ in range(count):
        opened.append(Connection(port))
        opened[-1].ask()
    return opened


def connections(count: int = 4000) -> None:
    """Print what an idle connection costs.

    Pages of files are left out: every other process of the machine that maps them changes their share. The
    first connections are not counted: they fill what a worker inherits as free memory of the master's heap,
    a copy of each page once.
    """
    allow_open_files(2 * count + 300)
    port = servers.free_port()
    with servers.running(servers.fastfork(port, WORKERS), port) as server:
        idle = open_idle(port, count=count)
        before = tree.memory_bytes(server.pid, "Pss_Anon", "Pss_Shmem")
        idle += open_idle(port, count=count)
        grown = tree.memory_bytes(server.pid, "Pss_Anon", "Pss_Shmem") - before
        for connection in idle:
            connection.close()
    print(f"connections   fastfork       {grown / count:8.0f} bytes for each of {count} more idle")


def parked(count: int = 1000, rounds: int = 20) -> None:
    """Print what it costs that a connection was parked: the master deals it again.

    All ask at once, again and again; in between they rest until the workers have given them back, or
    not at all.
    """
    allow_open_files(count + 300)
    port = servers.free_port()
    with servers.running(servers.fastfork(port, WORKERS), port) as server:
        idle = open_idle(port, count=count)
        for label, rest in (("hot", 0.0), ("parked", 0.5)) * 2:
            spent = 0.0
            for _ in range(rounds):
                before = tree.cpu_seconds(server.pid)
                time.sleep(rest)  # what giving back costs, counts
                for connection in idle:
                    connection.send()
                for connection in idle:
                    connection.receive()
                spent += tree.cpu_seconds(server.pid) - before
            print(f"parked        {label:14} {spent / rounds / count * 1e6:8.1f} µs a request")
        for connection in idle:
            connection.close()


def distribution() -> None:
    """Print how evenly connections are dealt."""
    port = servers.free_port()
    with servers.running(servers.fastfork(port, WORKERS, app="apps:slot"), port, body=None):
        order = [int(ask_once(port)) for _ in range(400)]
        turns = sum((a + 1) % WORKERS == b for a, b in pairwise(order))
        print(f"distribution  400 sequential {dict(sorted(Counter(order).items()))}")
        print(f"              in turn        {turns} of 399")

        held = [Connection(port) for _ in range(40)]
        print(
            f"              40 kept open   {dict(sorted(Counter(int(c.ask()) for c in held).items()))}"
        )
        for connection in held:
            connection.close()

        seen: list[bytes] = []  # append is atomic
        clients = [
            threading.Thread(target=lambda: seen.extend(ask_once(port) for _ in range(100)))
            for _ in range(40)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        fair = len(seen) / WORKERS
        worst = max(abs(count - fair) for count in Counter(seen).values()) / fair
        print(f"              40 clients     {len(seen)} connections, {worst:.2%} off at worst")


PARTS = {
    "connections": connections,
    "parked": parked,
    "distribution": distribution,
}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    chosen = parser.parse_args().parts or [*PARTS]
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    servers.prepare()
    for part in chosen:
        PARTS[part]()


if __name__ == "__main__":
    main()

"""What an import leaves that no fork survives."""

from __future__ import annotations

import select
import socket
import threading

import pytest

from fastfork.worker.fitness import obstacle, obstacle_here, open_descriptors

CASES = {
    "nothing": ((1, [], 0, [], 0), None),
    "a thread of Python": ((2, ["poller"], 0, [], 0), "1 thread (poller)"),
    "a pool that is known": ((4, [], 3, [], 0), None),
    "a pool that has not begun": ((1, [], 3, [], 0), None),
    "a pool and a thread": ((5, ["poller"], 3, [], 0), "1 thread (poller)"),
    "a thread of a library": ((2, [], 0, [], 0), "1 thread (1 of a library)"),
    "threads of all kinds": ((6, ["a", "b"], 1, [], 0), "4 threads (a, b, 2 of a library)"),
    "a connection": ((1, [], 0, ["10.0.0.1:5432"], 0), "a connection to 10.0.0.1:5432"),
    "a loop": ((1, [], 0, [], 1), "1 event loop"),
    "all": ((2, ["a"], 0, ["x"], 2), "1 thread (a) and a connection to x and 2 event loops"),
}


@pytest.mark.parametrize(("facts", "told"), CASES.values(), ids=CASES.keys())
def test_what_forbids_a_fork(
    facts: tuple[int, list[str], int, list[str], int], told: str | None
) -> None:
    threads, named, pooled, peers, loops = facts

    assert told == obstacle(threads=threads, named=named, pooled=pooled, peers=peers, loops=loops)


def test_connections_and_loops_of_an_import_are_seen_and_what_was_there_before_is_not() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with listener, socket.create_connection(("127.0.0.1", port)):
        before = open_descriptors()
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as metrics,
            select.epoll(),
        ):
            metrics.connect(("127.0.0.1", port))
            left = obstacle_here(before)
        after = obstacle_here(before)

    assert left == f"a connection to 127.0.0.1:{port} and 1 event loop"
    assert after is None


def test_thread_of_an_import_is_seen() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="poller")
    thread.start()

    left = obstacle_here(open_descriptors())
    over.set()
    thread.join()

    assert left == "1 thread (poller)"

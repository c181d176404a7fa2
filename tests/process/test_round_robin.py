"""Which worker gets which connection."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from fix_cluster import Cluster, Start


def test_sequential_connections_go_round_in_order(start: Start) -> None:
    server = start(workers=4)

    server.wait_for_turns(4, rounds=10)


@pytest.mark.slow
def test_forty_parallel_clients_are_spread_evenly(start: Start) -> None:
    server = start(workers=4)
    slots: Counter[int] = Counter()
    lock = threading.Lock()

    def ask(server: Cluster) -> None:
        mine = Counter(server.who().slot for _ in range(50))
        with lock:
            slots.update(mine)

    clients = [threading.Thread(target=ask, args=(server,)) for _ in range(40)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert sum(slots.values()) == 2000
    # 500 each, unless a worker is without a CPU for so long that it is passed over.
    assert all(250 <= slots[slot] <= 750 for slot in range(4)), slots


def test_a_replacement_takes_the_place_of_the_dead_worker_in_the_round(start: Start) -> None:
    server = start(workers=3)
    server.replace(1)

    server.wait_for_turns(3, rounds=3)

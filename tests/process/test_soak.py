"""Every kind of client for a long time: what is used comes back."""

from __future__ import annotations

import os
import time

import pytest

from fix_cluster import Cluster, Start, resident
from fix_fds import open_fds
from fix_load import (
    StartLoad,
    and_go_away,
    in_pipelines,
    in_small_pieces,
    on_kept_connections,
    on_new_connections,
)
from fix_processes import wait_until

SECONDS = float(os.environ.get("FASTFORK_SOAK", "60"))
CLIENTS = [on_new_connections, on_kept_connections, in_pipelines, in_small_pieces, and_go_away]


def use(server: Cluster) -> tuple[int, int]:
    """Return descriptors and resident octets of master and workers."""
    pids = [server.pid, *server.workers]
    return sum(len(open_fds(pid)) for pid in pids), sum(map(resident, pids))


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 300)
def test_a_long_time_with_all_sorts_of_clients_leaves_nothing_behind(
    start: Start, load: StartLoad
) -> None:
    server = start(workers=2)
    fds = use(server)[0]
    warm = load(server, *CLIENTS)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > SECONDS / 6, within=SECONDS)
    warm.stop()
    memory = use(server)[1]

    clients = load(server, *CLIENTS)
    wait_until(lambda: time.monotonic() - began > SECONDS, within=SECONDS + 10)
    outcomes = clients.stop()

    assert set(outcomes) == {"answered"}
    wait_until(lambda: use(server)[0] <= fds)
    assert use(server)[1] - memory < 1024 * 1024

"""Workers are killed under load, and those who ask notice nothing."""

from __future__ import annotations

import random

import pytest

from fix_cluster import EAGER, Start, resident
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, get


@pytest.mark.slow
@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.long)])
def test_kills_under_load_cost_no_get_and_no_connection(
    kills: int, start: Start, connect: Connect, load: StartLoad
) -> None:
    server = start("process:app", "--keep-alive", "3600", workers=4, command=EAGER)
    idle = [connect(server) for _ in range(100)]
    for wire in idle:
        assert wire.send(get()).read_response().status == 200
    load(server, *[on_new_connections, on_kept_connections] * 4).stop()
    wait_until(lambda: len(server.master_fds()) <= server.fds_of_rest + len(idle))
    memory = resident(server.pid)

    clients = load(server, *[on_new_connections, on_kept_connections] * 4)
    for _ in range(kills):
        server.replace(random.randrange(4))
    outcomes = clients.stop()

    assert set(outcomes) == {"answered"}, outcomes
    for wire in idle:
        assert wire.send(get()).read_response().status == 200
    wait_until(lambda: len(server.master_fds()) <= server.fds_of_rest + len(idle))
    assert resident(server.pid) - memory < 400 * 1024

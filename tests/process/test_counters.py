"""Counters and gauges across workers that come and go."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start
from fix_processes import wait_until


def sums(server: Cluster, path: str = "/") -> list[int]:
    """Return what the server counts: requests, users, workers."""
    return [int(number) for number in server.ask(path).split()]


def test_requests_of_all_workers_are_counted_together(start: Start) -> None:
    server = start("shared:app", workers=3)

    counts = [sums(server)[0] for _ in range(9)]

    assert counts == list(range(1, 10))


def test_share_of_a_dead_worker_is_given_back_and_its_count_stays(start: Start) -> None:
    server = start("shared:app", "--replay", "off", workers=2)
    for _ in range(4):
        server.ask("/come")

    server.ask("/die")
    server.wait_for_log("died: SIGKILL")
    wait_until(lambda: sums(server)[2] == 2)

    requests, online, _ = sums(server)
    assert online == 2
    assert requests >= 6


@pytest.mark.slow
def test_relieved_workers_give_their_share_back_too(start: Start) -> None:
    server = start("shared:app", "--max-requests", "3", workers=2)

    wait_until(lambda: server.ask("/") and server.log.count(") exited") >= 2)

    wait_until(lambda: sums(server)[2] == 2)


def test_what_was_counted_survives_a_reload(start: Start) -> None:
    server = start("shared:app", workers=2)
    for _ in range(4):
        server.ask("/come")
    old = set(server.workers)

    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: old.isdisjoint(server.workers) and len(server.workers) == 2)

    assert sums(server) == [5, 0, 2]


POOLS = """
from fastfork import Gauge
pools = Gauge("pools")
pools.set(5)
def app(environ, start_response):
    start_response("200 OK", [])
    return [str(pools.value).encode()]
"""


@pytest.mark.parametrize("preload", ["--preload", "--no-preload"])
def test_gauge_that_is_set_at_the_import_counts_once_for_each_worker(
    preload: str, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "pooled.py").write_text(POOLS)
    server = start("pooled:app", preload, workers=2, cwd=tmp_path)

    assert server.ask() == b"10"
    server.replace(0)
    wait_until(lambda: server.ask() == b"10")


def test_limit_holds_for_all_workers_together(start: Start) -> None:
    server = start("shared:app", workers=2)

    allowed = Counter(server.ask("/limited") for _ in range(8))

    assert allowed == {b"True": 3, b"False": 5}

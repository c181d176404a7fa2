"""Counters and limits of two servers together, in a real Redis that goes and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import fastfork
from fastfork import CounterError
from fastfork.counters.remote import Place
from fix_cluster import Cluster, Start
from fix_processes import wait_until
from fix_services import Redis


@pytest.fixture(autouse=True)
def connections(redis: Redis) -> Iterator[None]:
    """Leave none open in the process of the tests."""
    yield
    Place.close_all()


@pytest.fixture
def pair(start: Start, redis: Redis) -> tuple[Cluster, Cluster]:
    """Give two servers that count together."""
    one, other = (start("shared_by_servers:app", "--bus", redis.url) for _ in range(2))
    return one, other


def test_counter_is_one_number_on_all_servers(pair: tuple[Cluster, Cluster]) -> None:
    for server in pair * 5:
        server.ask("/visit")

    assert [server.ask("/") for server in pair] == [b"10", b"10"]


def test_limit_is_one_for_all_servers(pair: tuple[Cluster, Cluster]) -> None:
    allowed = [server.ask("/login") for server in pair * 4]

    assert allowed == [b"True"] * 3 + [b"False"] * 5


def test_broker_away_is_counted_for_later_and_limited_by_each_server(
    pair: tuple[Cluster, Cluster], redis: Redis
) -> None:
    one, other = pair
    one.ask("/visit")
    redis.kill()

    for _ in range(6):  # of both workers
        assert one.ask("/visit") == b"counted"
    allowed = [server.ask("/login") for server in [one] * 5 + [other] * 5]
    assert allowed == ([b"True"] * 3 + [b"False"] * 2) * 2
    assert "the broker can't be reached" in one.ask("/").decode()

    redis.start()
    # This Redis keeps nothing on disk; the six come when each worker says more.
    wait_until(lambda: [one.ask("/") for _ in range(2)] == [b"6", b"6"])


def test_limit_is_as_the_one_in_memory(redis: Redis) -> None:
    limit = fastfork.RateLimit("job", 2, per=0.2, backend=redis.url)
    memory = fastfork.RateLimit("job in memory", 2, per=0.2)

    for one in (limit, memory):
        assert [one.allow(), one.allow()] == [True, True]
        assert 0.0 < one.take() <= 0.1
        wait_until(one.allow)
        assert not one.allow()


def test_what_is_kept_in_the_broker_ends_by_itself(redis: Redis) -> None:
    fastfork.RateLimit("job", 2, per=0.2, backend=redis.url).take()

    wait_until(lambda: redis.ask("RANDOMKEY") == "$-1")


@pytest.mark.parametrize("backend", ["redis", "memcached"])
def test_backend_that_is_not_there_is_refused(backend: str) -> None:
    with pytest.raises(CounterError, match="backend"):
        fastfork.Counter("x", backend=backend)
    with pytest.raises(CounterError, match="backend"):
        fastfork.RateLimit("x", 1, per=1, backend=backend)


def test_counter_outside_a_server_counts_at_the_broker(redis: Redis) -> None:
    counter = fastfork.Counter("x", backend=redis.url)
    counter.add(3)
    with pytest.raises(ValueError, match="only goes up"):
        counter.add(-1)

    assert fastfork.Counter("x", backend=redis.url).value == 3
    assert isinstance(counter, fastfork.Counter)

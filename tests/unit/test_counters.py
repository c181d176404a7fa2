"""Counters, gauges and limits, in one process and those it forks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

import pytest

import fastfork
from fastfork import Counter, CounterError, Gauge, RateLimit
from fastfork._native import cells


def in_children(count: int, work: Callable[[int], None]) -> None:
    """Run *work* in forked processes, each with a row of its own, and wait for all."""
    children = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                cells.sit(number)
                work(number)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * count


def test_eight_processes_lose_no_increment() -> None:
    counter = Counter("eight processes")

    def count(_: int) -> None:
        for _ in range(1_000_000):
            counter.add()

    in_children(8, count)

    assert counter.value == 8_000_000


def test_threads_lose_no_increment() -> None:
    counter = Counter("threads")

    def count() -> None:
        for _ in range(100_000):
            counter.add()

    threads = [Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counter.value == 800_000


def test_name_made_in_a_child_is_the_same_in_all() -> None:
    in_children(2, lambda number: Counter("made in a child").add(number + 1))

    assert Counter("made in a child").value == 3


def test_counter_only_goes_up() -> None:
    counter = Counter("only up")
    counter.add(3)

    with pytest.raises(ValueError, match="only goes up"):
        counter.add(-1)

    assert counter.value == 3


def test_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OverflowError):
        Counter("too big").add(1 << 63)


def test_gauge_is_the_sum_of_shares() -> None:
    gauge = Gauge("shares")
    gauge.add(5)

    def share(number: int) -> None:
        gauge.add(100)
        gauge.set(number)
        gauge.add(-1)

    in_children(3, share)

    assert gauge.value == 5 + (0 + 1 + 2) - 3


def test_gauge_forgets_the_share_of_the_dead_and_counter_does_not() -> None:
    gauge, counter = Gauge("of the dead"), Counter("of the dead, counted")

    def share(number: int) -> None:
        gauge.add(number + 1)
        counter.add(number + 1)

    in_children(2, share)

    cells.give_back(1)

    assert (gauge.value, counter.value) == (1, 3)


def test_limit_is_one_for_all_processes() -> None:
    limit, passed = RateLimit("for all", 5, per=3600), Counter("for all, passed")

    def ask(_: int) -> None:
        for _ in range(5):
            passed.add(limit.allow())

    in_children(4, ask)

    assert passed.value == 5
    assert not limit.allow()


def test_limit_says_how_long_to_wait() -> None:
    limit = RateLimit("wait", 1, per=3600)

    waits = limit.take(), limit.take()

    assert waits[0] == 0.0
    assert 3590 < waits[1] <= 3600


def test_limit_lets_pass_again_in_time() -> None:
    limit = RateLimit("in time", 1, per=1e-6)

    assert [limit.allow() or limit.allow() for _ in range(3)]


@pytest.mark.parametrize("name", ["", "x" * 112, "é" * 56], ids=["none", "long", "octets"])
def test_name_that_can_not_be_used_is_refused(name: str) -> None:
    with pytest.raises(CounterError, match="1 to 111 octets"):
        Counter(name)


def test_name_of_one_kind_is_refused_for_another() -> None:
    Counter("taken")

    with pytest.raises(CounterError, match=r"^Gauge\('taken'\): .* another kind"):
        Gauge("taken")


@pytest.mark.parametrize(("limit", "per"), [(0, 1.0), (1, 0.0), (1, 1e9), (1, float("nan"))])
def test_limit_that_means_nothing_is_refused(limit: int, per: float) -> None:
    with pytest.raises(CounterError, match="limit is 1 to"):
        RateLimit("nonsense", limit, per=per)


def test_one_name_too_many_says_what_to_do() -> None:
    code = (
        "from fastfork import Counter, CounterError\n"
        "made = [Counter(str(n)) for n in range(1024)]\n"
        "made[7].add(7)\n"
        "assert Counter('7').value == 7\n"
        "try:\n    Counter('more')\nexcept CounterError as error:\n    print(error)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stderr == ""
    assert "1024 names already" in done.stdout
    assert "never made from a user" in done.stdout


def test_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Countess'"):
        fastfork.Countess  # noqa: B018

"""The simulation of who gets a connection, where its answer is known without it."""

from __future__ import annotations

import dispatch
import pytest


def test_nobody_waits_for_a_free_worker() -> None:
    jobs = [(float(n), 0.5) for n in range(10)]
    ready = dispatch.dispatched(jobs, 0.0)

    assert dispatch.one_queue(jobs, ready, 1) == [0.0] * 10
    assert dispatch.Master(jobs, ready, 1).play() == [0.0] * 10
    assert dispatch.pushed(jobs, ready, 1, "round robin") == [0.0] * 10


def test_a_dispatcher_takes_one_after_the_other() -> None:
    jobs = [(0.0, 1.0)] * 4

    assert dispatch.dispatched(jobs, 0.25) == [0.25, 0.5, 0.75, 1.0]
    assert dispatch.dispatched(jobs, 0.25, 2) == [0.25, 0.25, 0.5, 0.5]


def test_round_robin_waits_behind_a_long_one_and_credits_do_not() -> None:
    jobs = [(0.0, 10.0), (0.1, 0.1), (0.5, 0.1)]  # the third comes to the worker of the first
    ready = dispatch.dispatched(jobs, 0.0)

    assert dispatch.pushed(jobs, ready, 2, "round robin")[2] == pytest.approx(9.5)
    assert dispatch.Master(jobs, ready, 2).play() == [0.0, 0.0, 0.0]


def test_what_is_behind_an_overdue_request_is_taken_back() -> None:
    # One short one each is allowed behind the long ones; when a worker is free it gets the first of them.
    jobs = [(0.0, 0.050), (0.0, 0.005), (0.001, 0.001)]
    waits = dispatch.Master(jobs, dispatch.dispatched(jobs, 0.0), 2).play()

    assert waits[2] < 0.01


@pytest.mark.parametrize("policy", ["round robin", "random", "least 0.01"])
def test_nothing_is_better_than_one_queue(policy: str) -> None:
    jobs = dispatch.arrivals(400, 0.01, count=3000)
    ready = dispatch.dispatched(jobs, 0.0)
    best, dealt, pushed = (
        sum(waits) / len(waits)
        for waits in (
            dispatch.one_queue(jobs, ready, 8),
            dispatch.Master(jobs, ready, 8).play(),
            dispatch.pushed(jobs, ready, 8, policy),
        )
    )

    assert best <= dealt < pushed

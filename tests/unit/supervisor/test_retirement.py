"""When a worker has served long enough."""

from __future__ import annotations

import pytest

from fastfork.settings import Settings
from fastfork.supervisor.retirement import Term, term_of

MIB = 1 << 20


@pytest.mark.parametrize(
    ("term", "requests", "memory", "age", "reason"),
    [
        (Term(), 10**9, 10**12, 1e9, None),
        (Term(requests=1000), 999, 10**12, 1e9, None),
        (Term(requests=1000), 1000, 0, 0.0, "after 1000 requests"),
        (Term(requests=1), 1, 0, 0.0, "after 1 request"),
        (Term(memory=300 * MIB), 10**9, 300 * MIB - 1, 1e9, None),
        (Term(memory=300 * MIB), 0, 301 * MIB, 0.0, "with 301 MiB of memory"),
        (Term(lifetime=3600.0), 10**9, 10**12, 3599.9, None),
        (Term(lifetime=3600.0), 0, 0, 3600.4, "after 3600 s"),
        (Term(requests=9, memory=9 * MIB, lifetime=9.0), 9, 9 * MIB, 9.0, "after 9 requests"),
    ],
)
def test_worker_retires_when_it_has_used_up_its_term(
    term: Term, requests: int, memory: int, age: float, reason: str | None
) -> None:
    assert term.reason_to_retire(requests=requests, memory=memory, age=age) == reason


@pytest.mark.parametrize(
    ("term", "is_limited"),
    [
        (Term(), False),
        (Term(requests=1), True),
        (Term(memory=1), True),
        (Term(lifetime=0.1), True),
    ],
)
def test_nothing_is_looked_at_unless_something_is_limited(term: Term, is_limited: bool) -> None:
    assert term.is_limited is is_limited


def test_term_has_no_limits_by_default() -> None:
    assert term_of(Settings(app="site:app"), chance=1.0) == Term()


def test_term_is_what_the_settings_say() -> None:
    settings = Settings(app="site:app", max_requests=1000, max_memory=300, max_lifetime=3600.0)

    assert term_of(settings, chance=1.0) == Term(requests=1000, memory=300 * MIB, lifetime=3600.0)


@pytest.mark.parametrize(("chance", "requests"), [(0.0, 1000), (0.5, 1025), (1.0, 1050)])
def test_jitter_adds_requests_by_chance(chance: float, requests: int) -> None:
    settings = Settings(app="site:app", max_requests=1000, max_requests_jitter=50)

    assert term_of(settings, chance=chance).requests == requests


def test_jitter_alone_limits_nothing() -> None:
    settings = Settings(app="site:app", max_requests_jitter=50)

    assert not term_of(settings, chance=1.0).is_limited

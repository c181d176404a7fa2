"""The cache of a worker of the job portal."""

from __future__ import annotations

import pytest
from examples.job_portal import cache as module
from examples.job_portal.cache import Cache


def never() -> str:
    """Be loaded only by mistake."""
    raise AssertionError("it is in the cache")


def test_second_answer_comes_from_the_cache_until_it_is_cleared() -> None:
    cache = Cache()

    assert cache.get("jobs", lambda: "old") == ("old", False)
    assert cache.get("jobs", never) == ("old", True)
    cache.clear()
    assert cache.get("jobs", lambda: "new") == ("new", False)


def test_what_was_loaded_while_something_changed_is_not_kept() -> None:
    cache = Cache()

    def load() -> str:
        cache.clear()  # the news come in between
        return "old"

    assert cache.get("jobs", load) == ("old", False)
    assert cache.get("jobs", lambda: "new") == ("new", False)


def test_nothing_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changed something may have died before it could say so."""
    monkeypatch.setattr(module, "_LIFETIME", 0.0)
    cache = Cache()

    cache.get("jobs", lambda: "old")

    assert cache.get("jobs", lambda: "new") == ("new", False)


def test_what_was_asked_last_is_kept_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    cache = Cache()
    cache.get("a", lambda: "a")
    cache.get("b", lambda: "b")
    cache.get("a", never)

    cache.get("c", lambda: "c")

    assert cache.get("a", never) == ("a", True)
    assert cache.get("b", lambda: "b again") == ("b again", False)

"""The slot that an application may ask for."""

from __future__ import annotations

import pytest

import fastfork
from fastfork import slot


def test_slot_is_none_outside_a_worker() -> None:
    assert fastfork.worker_slot() is None


def test_worker_knows_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "_slot", None)
    monkeypatch.setattr(slot, "_workers", 1)

    slot.take_slot(3, workers=4)

    assert fastfork.worker_slot() == 3


@pytest.mark.parametrize(
    ("total", "workers", "parts"),
    [(10, 1, [10]), (10, 4, [3, 3, 2, 2]), (4, 4, [1, 1, 1, 1]), (2, 3, [1, 1, 1])],
)
def test_shares_make_up_the_whole_and_nobody_gets_nothing(
    total: int, workers: int, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_workers", workers)
    found = []
    for number in range(workers):
        monkeypatch.setattr(slot, "_slot", number)
        found.append(fastfork.share(total))

    assert found == parts


def test_share_outside_a_worker_is_all() -> None:
    assert fastfork.share(10) == 10

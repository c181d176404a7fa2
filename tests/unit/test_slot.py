"""The slot that an application may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fastfork
from fastfork import slot

if TYPE_CHECKING:
    import pytest


def test_slot_is_none_outside_a_worker() -> None:
    assert fastfork.worker_slot() is None


def test_worker_knows_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "_slot", None)

    slot.take_slot(3)

    assert fastfork.worker_slot() == 3

"""No test leaves a descriptor open."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest


def open_fds(pid: int | str = "self") -> dict[str, str]:
    """Return what each open descriptor of a process refers to; nothing when it has ended."""
    folder = f"/proc/{pid}/fd"
    found = {}
    try:
        numbers = os.listdir(folder)
    except OSError:
        return {}
    for number in numbers:
        try:
            found[number] = os.readlink(f"{folder}/{number}")
        except OSError:  # it was the listing itself
            continue
    return found


@pytest.fixture(autouse=True)
def fds() -> Iterator[None]:
    """Fail the test that leaves a socket or a pipe open."""
    before = set(open_fds().values())
    yield
    left = _streams() - before
    if left:
        gc.collect()
        left = _streams() - before
    assert not left, f"descriptors left open: {sorted(left)}"


def _streams() -> set[str]:
    return {what for what in open_fds().values() if what.startswith(("socket:", "pipe:"))}

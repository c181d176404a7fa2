"""Descriptors of a fresh worker: a short list is its own, the rest are copies of the master's."""

from __future__ import annotations

import os


def close_all_but(kept: set[int]) -> None:
    """Close every descriptor of this process that is not in *kept*."""
    # Not up to the limit of open files: where close_range(2) is missing, that is a million calls.
    last = max(map(int, os.listdir("/proc/self/fd")))
    low = 0
    for fd in [*sorted(kept), last + 1]:
        if low < fd:  # os.closerange takes an empty range that starts at 0 for all there is
            os.closerange(low, fd)
        low = fd + 1

"""What a process and all its descendants cost, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    # The name in brackets may hold spaces: count fields after it. [0] is field 3, the state.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    """Return the living children of *pid*, whichever of its threads made them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass  # the thread ended meanwhile
    return found


def workers(master: int) -> list[int]:
    """Return the workers of a fastfork: its children, but for the template that they are forked from."""
    return [pid for pid in children(master) if _name(pid) != "ff-template"]


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def tree(root: int) -> list[int]:
    """Return *root* and every living descendant."""
    pids = [root]
    for pid in pids:  # grows while it is walked
        pids += children(pid)
    return pids


def cpu_seconds(root: int) -> float:
    """Return user + system time of the tree, with children that were reaped."""
    total = 0
    for pid in tree(root):
        try:
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
        except OSError:
            pass  # ended meanwhile: its parent counts it
    return total / TICKS


def memory_bytes(root: int, *fields: str) -> int:
    """Return the sum of *fields* of smaps_rollup (such as Pss) over the tree."""
    return sum(own_memory_bytes(pid, *fields) for pid in tree(root))


def own_memory_bytes(pid: int, *fields: str) -> int:
    """Return the sum of *fields* of smaps_rollup for *pid* alone."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in fields:
            total += int(value.split()[0]) * 1024
    return total


def open_fds(pid: int) -> int:
    """Return how many descriptors *pid* holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def resident_bytes(pid: int) -> int:
    """Return the resident memory of *pid* alone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

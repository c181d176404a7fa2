"""How many cores this process may use: its affinity, and the CPU quota of its cgroups (v1 and v2)."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_V2_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_V1_ROOTS = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct")


def usable_cores(affinity: int, *, read: Callable[[str], str | None]) -> int:
    """Return the cores that *affinity* and every quota allow, rounded up, at least 1.

    *read* gives the text of a file, or None if there is none.
    """
    return max(1, min([affinity, *map(math.ceil, _quotas(read))]))


def count_usable_cores() -> int:
    """Return the cores that this process may use now."""
    return usable_cores(len(os.sched_getaffinity(0)), read=_read)


def _quotas(read: Callable[[str], str | None]) -> Iterator[float]:
    for line in (read("/proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            for folder in _upwards(_V2_ROOTS, path):
                yield from _ratio((read(f"{folder}/cpu.max") or "").split())
        elif "cpu" in controllers.split(","):
            for folder in _upwards(_V1_ROOTS, path):
                quota, period = (
                    read(f"{folder}/cpu.cfs_{name}_us") for name in ("quota", "period")
                )
                yield from _ratio([(quota or "").strip(), (period or "").strip()])


def _upwards(roots: tuple[str, ...], path: str) -> Iterator[str]:
    # A container may see the host's path of its group: then only the root of the mount is there,
    # and it is the container's own.
    for root in roots:
        rest = path.strip("/")
        while rest:
            yield f"{root}/{rest}"
            rest = rest.rpartition("/")[0]
        yield root


def _ratio(words: list[str]) -> Iterator[float]:
    # "max" and -1 mean no quota.
    if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal() and int(words[1]) > 0:
        yield int(words[0]) / int(words[1])


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return None

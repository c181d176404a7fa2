"""Did the kernel kill for want of memory? It counts that for each control group (memory.events).

cgroup v2: `oom_kill` in memory.events; v1: in memory.oom_control (the kernel's admin-guide, cgroup-v2.rst and
cgroup-v1/memory.rst). The master and its workers share a group.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def counter_of(cgroup: str, mountinfo: str) -> str | None:
    """Return the file that counts, given the texts of /proc/self/cgroup and /proc/self/mountinfo.

    None if there is none: no control group for memory, or it can't be seen from here.
    """
    groups = [line.split(":", 2) for line in cgroup.splitlines() if line.count(":") >= 2]
    for _, controllers, path in groups:
        if "memory" in controllers.split(","):
            return _file(mountinfo, path, kind="cgroup", option="memory", name="memory.oom_control")
    for number, controllers, path in groups:
        if number == "0" and not controllers:
            return _file(mountinfo, path, kind="cgroup2", option="", name="memory.events")
    return None


def _file(mountinfo: str, path: str, *, kind: str, option: str, name: str) -> str | None:
    for line in mountinfo.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields, (found, *_, options) = mount.split(), filesystem.split()
        if found != kind or (option and option not in options.split(",")):
            continue
        root, point = fields[3], fields[4]
        if PurePosixPath(path).is_relative_to(root):
            return str(point / PurePosixPath(path).relative_to(root) / name)
    return None


class OomWatch:
    """Tells whether the kernel has killed in our control group since the last look."""

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        try:
            self._path = counter_of((proc / "cgroup").read_text(), (proc / "mountinfo").read_text())
        except (OSError, ValueError):
            self._path = None
        self._count = self._read()

    def has_killed(self) -> bool:
        """Return whether the count is higher than at the last look; False if nothing counts."""
        before, self._count = self._count, self._read()
        return self._count > before

    def _read(self) -> int:
        if self._path is None:
            return 0
        try:
            with open(self._path) as counter:
                counts = dict(line.split() for line in counter)
            return int(counts.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0

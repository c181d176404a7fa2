"""Where the kernel counts what it kills for want of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastfork.supervisor.oom import OomWatch, counter_of

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
CPU_MOUNT = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
HYBRID_MOUNT = "42 31 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
IN_CONTAINER = "36 31 0:33 /docker/ab /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


@pytest.mark.parametrize(
    ("cgroup", "mounts", "path"),
    [
        ("0::/system.slice/shop.service\n", [V2_MOUNT], "/sys/fs/cgroup/system.slice/shop.service"),
        ("0::/\n", [V2_MOUNT], "/sys/fs/cgroup"),
        ("5:cpu:/a\n4:memory:/b\n", [CPU_MOUNT, V1_MOUNT], "/sys/fs/cgroup/memory/b"),
        ("4:memory:/b\n0::/c\n", [HYBRID_MOUNT, V1_MOUNT], "/sys/fs/cgroup/memory/b"),
        ("4:cpu,memory:/docker/ab/c\n", [IN_CONTAINER], "/sys/fs/cgroup/memory/c"),
        ("4:memory:/elsewhere\n", [IN_CONTAINER], None),
        ("4:cpu:/a\n", [CPU_MOUNT], None),
        ("0::/a\n", [], None),
        ("", [V2_MOUNT], None),
    ],
)
def test_counter_is_that_of_our_own_group(cgroup: str, mounts: list[str], path: str | None) -> None:
    name = "memory.oom_control" if "memory:" in cgroup else "memory.events"

    assert counter_of(cgroup, "\n".join(mounts)) == (f"{path}/{name}" if path else None)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Give the file that counts, as seen from a /proc/self in the same folder."""
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "mountinfo").write_text(f"30 23 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    file = tmp_path / "memory.events"
    file.write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n")
    return file


def test_only_what_is_counted_since_the_last_look_is_told(tmp_path: Path, events: Path) -> None:
    watch = OomWatch(tmp_path)
    assert not watch.has_killed()

    events.write_text("low 0\noom_kill 2\n")

    assert watch.has_killed()
    assert not watch.has_killed()


@pytest.mark.parametrize("text", ["", "oom_kill\n", "oom_kill many\n", "other 3\n"])
def test_what_can_not_be_read_is_no_kill(text: str, tmp_path: Path, events: Path) -> None:
    watch = OomWatch(tmp_path)

    events.write_text(text)

    assert not watch.has_killed()


def test_system_without_control_groups_is_no_error(tmp_path: Path) -> None:
    assert not OomWatch(tmp_path / "nothing").has_killed()

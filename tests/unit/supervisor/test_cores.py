"""How many cores may be used."""

from __future__ import annotations

import pytest

from fastfork.supervisor.cores import count_usable_cores, usable_cores

V2 = {"/proc/self/cgroup": "0::/web/shop\n"}
V1 = {"/proc/self/cgroup": "5:memory:/web\n4:cpu,cpuacct:/web\n0::/\n"}


def cores(affinity: int, files: dict[str, str]) -> int:
    """Return the cores of a machine that has just these *files*."""
    return usable_cores(affinity, read=files.get)


def test_affinity_counts_where_there_is_no_cgroup() -> None:
    assert cores(6, {}) == 6


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("max 100000\n", 8),
        ("900000 100000\n", 8),
        ("nonsense", 8),
        ("100000 0\n", 8),
    ],
)
def test_quota_of_version_2_is_rounded_up(limit: str, expected: int) -> None:
    assert cores(8, {**V2, "/sys/fs/cgroup/web/shop/cpu.max": limit}) == expected


def test_quota_of_an_upper_group_counts() -> None:
    files = {
        **V2,
        "/sys/fs/cgroup/web/shop/cpu.max": "max 100000",
        "/sys/fs/cgroup/web/cpu.max": "300000 100000",
    }

    assert cores(8, files) == 3


def test_quota_in_a_container_stands_at_the_root_of_the_mount() -> None:
    assert cores(8, {**V2, "/sys/fs/cgroup/cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize(("quota", "expected"), [("250000\n", 3), ("-1\n", 8)])
def test_quota_of_version_1_is_rounded_up(quota: str, expected: int) -> None:
    files = {
        **V1,
        "/sys/fs/cgroup/cpu/web/cpu.cfs_quota_us": quota,
        "/sys/fs/cgroup/cpu/web/cpu.cfs_period_us": "100000\n",
    }

    assert cores(8, files) == expected


def test_this_machine_has_a_core() -> None:
    assert count_usable_cores() >= 1

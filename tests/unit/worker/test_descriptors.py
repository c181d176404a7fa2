"""What is left open in a fresh worker, looked at in a real process."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from fastfork.worker.descriptors import close_all_but
made = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
kept = {0, 1, 2, *(made[i] for i in %r)}
close_all_but(kept)
left = {int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}
print(left == kept)
"""


@pytest.mark.parametrize("indexes", [[], [0], [19], [3, 4, 9]], ids=str)
def test_only_the_kept_descriptors_stay_open(indexes: list[int]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM % indexes], capture_output=True, text=True, check=True
    )

    assert result.stdout == "True\n"

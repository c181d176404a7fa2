"""No wall clock decides how long anything takes: it jumps."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WALL = re.compile(
    r"\btime\.time\(|CLOCK_REALTIME|gettimeofday|datetime\.(now|utcnow)\(|\btime\(NULL\)"
)

# What tells people or clients what time it is.
ALLOWED = {
    "ext/core/clock.c",  # the Date of answers, and of log lines
    "src/fastfork/supervisor/rotation.py",  # logs are rotated by the calendar
}


def test_only_what_tells_the_time_reads_the_wall_clock() -> None:
    files = [
        *ROOT.glob("src/**/*.py"),
        *ROOT.glob("ext/**/*.[ch]"),
        *ROOT.glob("ext/**/*.p[yx][xd]"),
    ]

    readers = {str(file.relative_to(ROOT)) for file in files if WALL.search(file.read_text())}

    assert len(files) > 100
    assert readers == ALLOWED

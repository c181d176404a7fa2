"""Lists the fixtures, by topic."""

from __future__ import annotations

import os

# Printed in two writes, an unbuffered line can be mixed with that of another process.
os.environ.pop("PYTHONUNBUFFERED", None)

pytest_plugins = [
    "fix_fds",
    "fix_processes",
    "fix_server",
    "fix_wire",
    "fix_cluster",
    "fix_load",
    "fix_control",
    "fix_services",
    "fix_browser",
    "fix_play",
    "fix_pages",
]

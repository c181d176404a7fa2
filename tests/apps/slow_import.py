"""An application that is imported for as long as the test wants."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path


def wait_at_the_gate() -> None:
    """Be there until the gate (a FIFO) is opened."""
    Path(os.environ["GATE"]).read_bytes()


wait_at_the_gate()
app = import_module("process").app

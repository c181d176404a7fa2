"""How many instructions does a request cost in user space, in the master and in a worker?

Counted by valgrind (callgrind), so the figure is the same in every run: what a change costs shows to the
last per mille, on any machine. Two runs of different length; their difference leaves out what is paid once.
The kernel's share is not counted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rig import Rig

FEW, MANY = 500, 2500


def ask_kept(rig: Rig, count: int) -> None:
    """Ask *count* times on one connection."""
    (connection,) = rig.connect(1)
    for _ in range(count):
        connection.ask()
    connection.close()


def ask_new(rig: Rig, count: int) -> None:
    """Ask *count* times, each on a connection of its own."""
    for _ in range(count):
        (connection,) = rig.say_on_new(1)
        connection.receive()
        connection.close()


def totals(ask: Callable[[Rig, int], None], *, count: int) -> tuple[int, int]:
    """Return the instructions of a master and of its worker that answered *count* requests."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"--callgrind-out-file={folder}/%p"
        with Rig(["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", out]) as rig:
            ask(rig, count)
        master, worker = (
            int(*re.findall(r"^totals: (\d+)", (Path(folder) / str(pid)).read_text(), re.MULTILINE))
            for pid in (rig.master, rig.worker)
        )
    return master, worker


def each(ask: Callable[[Rig, int], None]) -> tuple[float, float]:
    """Return the instructions of one request, in the master and in its worker."""
    few, many = totals(ask, count=FEW), totals(ask, count=MANY)
    master, worker = ((b - a) / (MANY - FEW) for a, b in zip(few, many, strict=True))
    return master, worker


def main() -> None:
    """Print both kinds of request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    if not shutil.which("valgrind"):
        parser.error("needs valgrind")
    print(f"{'instructions a request':24}{'master':>9}{'worker':>9}")
    for label, ask in (("kept connection", ask_kept), ("connection per request", ask_new)):
        master, worker = each(ask)
        print(f"{label:24}{master:9.0f}{worker:9.0f}", flush=True)


if __name__ == "__main__":
    main()

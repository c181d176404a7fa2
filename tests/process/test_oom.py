"""A worker that the kernel kills for want of memory is told from one that somebody else kills."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastfork.supervisor.oom import counter_of
from fix_cluster import Start
from fix_wire import Connect, post

LIMIT = 96 << 20

GREEDY = f"""
def app(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        hoard = bytearray({2 * LIMIT})
        hoard[::4096] = b"x" * len(hoard[::4096])
    start_response("200 OK", [])
    return [b"fine"]
"""


@pytest.fixture
def small_group() -> Iterator[Path]:
    """Give a control group with little memory, below our own."""
    proc = Path("/proc/self")
    counter = counter_of((proc / "cgroup").read_text(), (proc / "mountinfo").read_text())
    if counter is None:
        pytest.skip("no control group for memory")
    group = Path(counter).parent / f"fastfork-test-{os.getpid()}"
    try:
        group.mkdir()
        is_v1 = (group / "memory.limit_in_bytes").exists()
        (group / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text(str(LIMIT))
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"can't make a control group: {error}")
    yield group
    group.rmdir()


def test_worker_that_ran_out_of_memory_is_called_so(
    small_group: Path, start: Start, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY)
    enter = f'echo $$ > {small_group}/cgroup.procs && exec "$@"'
    command = ["sh", "-c", enter, "sh", sys.executable, "-m", "fastfork"]
    server = start("greedy:app", workers=1, cwd=tmp_path, command=command)

    assert connect(server).send(post(b"x")).read_response().status == 502

    server.wait_for_log(") died: SIGKILL, the kernel was out of memory for it, 1 request lost;")
    assert server.ask() == b"fine"
    server.wait_for_rest()  # the client has its answer a moment before the worker is done with it
    assert server.replace(0)
    assert ") died: SIGKILL; next try" in server.log
    server.process.terminate()
    assert server.wait_for_end() == 0

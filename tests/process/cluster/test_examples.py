"""The programs in examples/cluster do what they say."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from fix_play import Play
from fix_processes import Sessions, wait_until
from fix_services import free_port
from fix_wire import Wire, get

EXAMPLES = Path(__file__).parents[3] / "examples" / "cluster"


class Example(Play):
    """One of the programs, on a port of its own."""

    def __init__(self, name: str, sessions: Sessions, folder: Path) -> None:
        self.number = free_port()
        log = folder / f"{name}.log"
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(self.number)]
        super().__init__(sessions.start(command, cwd=folder, log=log), log)

    def port(self) -> int:
        """Return its port."""
        return self.number

    def body(self, path: str = "/") -> tuple[int, str]:
        """Return status and text of an answer."""
        wire: Wire = self.connect()
        response = wire.send(get(path, "Connection: close")).read_response()
        wire.close()
        return response.status, response.body.decode()


@pytest.fixture
def example(sessions: Sessions, tmp_path: Path, request: pytest.FixtureRequest) -> Example:
    """Give the program that the test is named for: test_NAME_..."""
    return Example(request.node.name.split("_")[1], sessions, tmp_path)


def test_cores_have_a_worker_each(example: Example) -> None:
    lines = example.end()

    cores = len(os.sched_getaffinity(0))
    assert len([line for line in lines if " is process " in line]) == cores
    assert f"primary {example.pid} is running" in lines
    assert len([line for line in lines if line.endswith("ended: 0")]) == cores


def test_server_answers_with_its_workers_in_turn(example: Example) -> None:
    wait_until(lambda: len([line for line in example.lines if "listens on" in line]) == 4)

    def in_turn() -> bool:
        texts = [example.body()[1] for _ in range(5)]
        found = [re.fullmatch(r"Response from worker (\d) \(pid \d+\)\n", text) for text in texts]
        numbers = [int(one[1]) for one in found if one]
        return sorted(numbers[:4]) == [1, 2, 3, 4] and numbers[4] == numbers[0]

    wait_until(in_turn)  # on a busy machine a worker may be late for its turn
    example.end(by=signal.SIGTERM)


def test_restart_happens_at_every_crash(example: Example) -> None:
    wait_until(lambda: example.process.poll() is not None or _is_up(example))

    assert [example.body("/crash")[0] for _ in range(3)] == [502] * 3

    wait_until(lambda: len([line for line in example.lines if "(SIGKILL)" in line]) == 3)
    wait_until(lambda: example.body()[0] == 200)
    lines = example.end(by=signal.SIGINT)
    assert len([line for line in lines if "ended (0)" in line]) == 2
    assert "Traceback" not in "".join(lines)


def _is_up(example: Example) -> bool:
    try:
        return example.body()[0] == 200
    except OSError:
        return False


def test_messages_go_to_the_primary_and_back(example: Example) -> None:
    lines = example.end()

    assert lines[-1] == "all are gone"
    assert sorted(lines[:-1]) == sorted(
        line
        for n in (1, 2)
        for line in (
            f"primary heard from worker {n}: hello",
            f"worker {n} heard: welcome, {n}",
            f"primary heard from worker {n}: thank you",
        )
    )


def test_counters_show_the_wrong_one_and_the_right_one(example: Example) -> None:
    lines = example.end()

    assert lines[-1] == "the variable says 0, the Counter says 4000"
    assert len([line for line in lines if line.endswith("its variable says 1000")]) == 4

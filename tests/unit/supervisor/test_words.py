"""What the log says of a worker's end and of its requests."""

from __future__ import annotations

import pytest

from fastfork.supervisor import words


@pytest.mark.parametrize(
    ("status", "lost", "is_killed", "told"),
    [
        (0, 0, False, "exited"),
        (0, 1, False, "died: exit code 0, 1 request lost"),
        (7, 0, False, "died: exit code 7"),
        (-9, 0, False, "died: SIGKILL"),
        (-11, 2, False, "died: SIGSEGV, 2 requests lost"),
        (-9, 0, True, "was killed"),
        (-9, 3, True, "was killed, 3 requests lost"),
        (0, 0, True, "exited"),
    ],
)
def test_end_of_a_worker(status: int, lost: int, is_killed: bool, told: str) -> None:
    assert words.end(status, lost, is_killed=is_killed) == told


def test_request_that_died_with_its_worker() -> None:
    assert words.rescue("replayed", "GET /") == "died in GET /: another one runs it again"
    assert words.rescue("refused", "POST /") == "died in POST /: answered 502"
    assert words.rescue("cut", "GET /").startswith("died in GET /: its connection was cut")


def test_request_that_timed_out() -> None:
    told = "timed out in GET / after 30.0 s: answered 504"

    assert words.time_out("refused", "GET /", seconds=30) == told
    assert "cut" in words.time_out("cut", "GET /", seconds=30)


def test_why_new_connections_wait() -> None:
    assert words.shortage(0, 0) == (
        "as many connections are open as may be: new ones wait (see --max-connections)"
    )
    assert words.shortage(24, 7) == (
        "can't accept: Too many open files; 7 idle connections were closed so far, those that were quiet"
        " for longest (raise the limit of open files, or lower --max-connections)"
    )

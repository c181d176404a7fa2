"""Whether what a worker ran may be to blame for its end."""

from __future__ import annotations

import signal

import pytest

from fastfork.supervisor.ends import End


@pytest.mark.parametrize(
    ("end", "is_by_itself"),
    [
        pytest.param(End(status=0), True, id="it left"),
        pytest.param(End(status=1), True, id="it exited"),
        pytest.param(End(status=-signal.SIGSEGV), True, id="it faulted"),
        pytest.param(End(status=-signal.SIGABRT), True, id="it aborted"),
        pytest.param(End(status=-signal.SIGSYS), True, id="it made a forbidden call"),
        pytest.param(End(status=-signal.SIGKILL), False, id="somebody killed it"),
        pytest.param(End(status=-signal.SIGKILL, is_oom=True), True, id="it ate the memory"),
        pytest.param(End(status=-signal.SIGKILL, is_killed=True), False, id="the master killed it"),
        pytest.param(End(status=-signal.SIGTERM), False, id="somebody ended it"),
        pytest.param(End(status=-signal.SIGALRM), False, id="a signal that says nothing"),
    ],
)
def test_a_signal_from_outside_says_nothing_of_what_ran(end: End, is_by_itself: bool) -> None:
    assert end.is_by_itself is is_by_itself

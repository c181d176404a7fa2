"""How many connections the limit of open files allows."""

from __future__ import annotations

import resource

import pytest

from fastfork.errors import StartError
from fastfork.supervisor.limits import connection_limit


@pytest.mark.parametrize(
    ("open_files", "expected"),
    [(1024, 768), (1_048_576, 65_536), (320, 64), (resource.RLIM_INFINITY, 65_536)],
)
def test_default_leaves_room_for_what_is_no_connection(open_files: int, expected: int) -> None:
    assert connection_limit(None, open_files=open_files, lanes=0) == expected


def test_asked_number_is_taken_if_there_is_room() -> None:
    assert connection_limit(100_000, open_files=1_048_576, lanes=0) == 100_000


@pytest.mark.parametrize(("asked", "open_files"), [(None, 319), (1000, 1024)])
def test_too_few_open_files_are_told_with_a_remedy(asked: int | None, open_files: int) -> None:
    with pytest.raises(StartError, match=rf"limit of open files is {open_files}.*ulimit -Hn"):
        connection_limit(asked, open_files=open_files, lanes=0)

"""What `fastfork.run` refuses before it becomes a master."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fastfork
from fastfork import slot


def app(environ: Any, start_response: Any) -> list[bytes]:
    """Answer nothing."""
    return []


@pytest.fixture
def thread() -> Iterator[threading.Thread]:
    """Give a thread that runs during the test."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield thread
    end.set()
    thread.join()


def test_process_with_threads_is_refused(thread: threading.Thread) -> None:
    with pytest.raises(fastfork.StartError, match="this process has 2 threads"):
        fastfork.run(app)


def test_unknown_keyword_is_refused() -> None:
    with pytest.raises(fastfork.ConfigError, match="unknown setting 'wrokers'"):
        fastfork.run(app, wrokers=3)


def test_object_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(
        fastfork.AppNotFound, match="'dict' is not an application: a dict can't be called"
    ):
        fastfork.run({})  # type: ignore[arg-type]


def test_call_in_a_worker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "_slot", 0)

    with pytest.raises(fastfork.StartError, match="__main__"):
        fastfork.run(app)


def test_missing_directory_is_a_bad_setting(tmp_path: Path) -> None:
    with pytest.raises(fastfork.ConfigError, match="chdir: can't enter"):
        fastfork.run(app, chdir=str(tmp_path / "nowhere"))

"""What gunicorn's words on our command line, and in its variable, come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastfork.cli.options import GUNICORN_ARGS, gather
from fastfork.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no file of settings be found but those of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_variable_of_gunicorn_goes_before_the_file_and_ours_before_it(empty_folder: Path) -> None:
    (empty_folder / "fastfork.toml").write_text("workers = 2\nthreads = 2\nbacklog = 2\n")
    environ = {GUNICORN_ARGS: "-w 3 --threads 3 --backlog 3", "FASTFORK_THREADS": "4"}

    settings, origins = gather({"app": "a:b", "backlog": "5"}, environ).config

    assert (settings.workers, settings.threads, settings.backlog) == (3, 4, 5)
    assert origins["workers"] == GUNICORN_ARGS


def test_file_that_the_variable_of_gunicorn_names_is_read(empty_folder: Path) -> None:
    (empty_folder / "other.py").write_text("workers = 7\n")

    config = gather({"app": "a:b"}, {GUNICORN_ARGS: "-c other.py"}).config

    assert config.settings.workers == 7


@pytest.mark.parametrize("text", ["--no-such-flag", "-w", "'"], ids=["flag", "value", "quote"])
def test_mistake_in_the_variable_of_gunicorn_is_told_with_its_name(text: str) -> None:
    with pytest.raises(ConfigError, match=f"{GUNICORN_ARGS}: "):
        gather({"app": "a:b"}, {GUNICORN_ARGS: text})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"worker_class": "sync"}, []),
        ({"worker_class": "gthread"}, []),
        ({"worker_class": "asgi"}, ["worker class asgi is not needed"]),
        ({"worker_class": "uvicorn.workers.UvicornWorker"}, ["worker class uvicorn"]),
        ({"daemon": True}, ["-D: this server stays in the foreground"]),
        ({"worker_tmp_dir": "/dev/shm"}, ["--worker-tmp-dir has no meaning here"]),
    ],
    ids=str,
)
def test_word_of_gunicorn_is_explained_in_one_line(given: dict[str, Any], told: list[str]) -> None:
    notes = gather({"app": "a:b", **given}, {}).notes

    assert [note[: len(line)] for note, line in zip(notes, told, strict=True)] == told
    assert all("\n" not in note for note in notes)


@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ({"worker_class": "gevent"}, "use --threads N"),
        ({"worker_class": "eventlet"}, "use --threads N"),
        ({"certfile": "server.pem"}, "end TLS in the proxy"),
        ({"keyfile": "server.key"}, "end TLS in the proxy"),
    ],
    ids=str,
)
def test_what_can_not_be_is_told_with_what_to_do_instead(
    given: dict[str, Any], instead: str
) -> None:
    with pytest.raises(ConfigError, match=instead) as refusal:
        gather({"app": "a:b", **given}, {})

    assert refusal.value.exit_code == 1

"""The tree of errors and the exit codes that process supervisors know."""

from __future__ import annotations

import pytest

import fastfork


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (fastfork.ConfigError, 1),
        (fastfork.BindError, 1),
        (fastfork.StartError, 1),
        (fastfork.AppImportError, 3),
        (fastfork.AppNotFound, 4),
    ],
)
def test_exit_codes_are_gunicorns(error: type[fastfork.FastforkError], code: int) -> None:
    assert error.exit_code == code


def test_every_error_can_be_caught_as_one() -> None:
    errors = [fastfork.ConfigError, fastfork.BindError, fastfork.StartError, fastfork.AppError]

    assert all(issubclass(error, fastfork.FastforkError) for error in errors)


def test_message_is_the_whole_text() -> None:
    assert str(fastfork.BindError("the port is in use")) == "the port is in use"

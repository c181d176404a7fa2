"""The command line that is generated from the table."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

import fastfork
from fastfork.cli import main
from fastfork.errors import AppNotFound
from fastfork.settings import Settings, table


def call(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, words)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Give the settings that the server would have been started with."""
    settings: list[Settings] = []
    monkeypatch.setattr("fastfork.server.serve", lambda one, **_: settings.append(one))
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    return settings


def test_version_is_printed() -> None:
    assert call("--version").output == f"fastfork {fastfork.__version__}\n"


def test_help_shows_every_flag() -> None:
    words = call("serve", "--help").output.replace(",", " ").split()

    missing = [
        flag for row in table() if row.name != "app" for flag in row.flags if flag not in words
    ]
    assert missing == []


def test_options_may_stand_before_and_after_the_application(served: list[Settings]) -> None:
    call("serve", "-w", "2", "shop:app", "--keep-alive", "5")

    assert [(s.app, s.workers, s.keep_alive) for s in served] == [("shop:app", 2, 5.0)]


def test_bind_can_be_repeated(served: list[Settings]) -> None:
    call("serve", "shop:app", "-b", ":80", "--bind", "unix:x")

    assert served[0].bind == (":80", "unix:x")


def test_spelling_of_gunicorn_is_taken(served: list[Settings]) -> None:
    call("serve", "shop:app", "--limit-request-field_size", "100", "--log-file", "x")

    assert (served[0].limit_request_field_size, served[0].error_logfile) == (100, "x")


def test_bad_setting_is_one_line_and_exit_code_1(served: list[Settings]) -> None:
    result = call("serve", "shop:app", "-w", "none")

    assert result.exit_code == 1
    assert result.output.startswith("Error: workers: 'none' can't be used; allowed is")
    assert result.output.count("\n") == 1


def test_bad_flag_is_exit_code_2(served: list[Settings]) -> None:
    result = call("serve", "shop:app", "--wrokers", "2")

    assert result.exit_code == 2
    assert "--wrokers" in result.output


def test_missing_application_is_exit_code_1() -> None:
    result = call("serve")

    assert result.exit_code == 1
    assert "no application given" in result.output


def test_error_of_the_server_sets_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Settings, **_: object) -> None:
        raise AppNotFound("there is no module 'shop'")

    monkeypatch.setattr("fastfork.server.serve", refuse)

    result = call("serve", "shop:app")

    assert (result.exit_code, result.output) == (4, "Error: there is no module 'shop'\n")

"""Which source a setting is taken from, and what is said of names that nobody knows."""

from __future__ import annotations

import pytest

from fastfork.config.sources import combine, of_arguments, of_environment, of_file
from fastfork.errors import ConfigError

FILE = of_file({"app": "shop", "workers": 1, "keep-alive": 5}, path="fastfork.toml")


def test_file_goes_before_the_default_and_says_where_a_value_came_from() -> None:
    config = combine([FILE])

    assert (config.settings.workers, config.settings.keep_alive) == (1, 5.0)
    assert config.origins == dict.fromkeys(["app", "workers", "keep_alive"], "fastfork.toml")


def test_environment_goes_before_the_file_and_the_command_line_before_both() -> None:
    environment = of_environment({"FASTFORK_WORKERS": "2", "FASTFORK_KEEP_ALIVE": "7"})
    line = of_arguments({"workers": "3", "bind": (), "chdir": None}, origin="command line")

    config = combine([FILE, environment, line])

    assert (config.settings.workers, config.settings.keep_alive) == (3, 7.0)
    assert config.origins["workers"] == "command line"
    assert config.origins["keep_alive"] == "environment variable FASTFORK_KEEP_ALIVE"
    assert "bind" not in config.origins


def test_our_own_variable_goes_before_the_common_one() -> None:
    found = of_environment({"FASTFORK_WORKERS": "2", "WEB_CONCURRENCY": "9"})

    assert found["workers"].value == "2"


def test_variable_holds_a_list_with_commas() -> None:
    found = of_environment({"FASTFORK_BIND": ":80, unix:x"})

    assert found["bind"].value == [":80", "unix:x"]


def test_switch_is_told_by_a_word_in_the_environment() -> None:
    environment = of_environment({"FASTFORK_CAPTURE_OUTPUT": "true"})

    assert combine([FILE, environment]).settings.capture_output


def test_unknown_name_in_a_file_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match=r"'wrokers' in fastfork.toml; did you mean workers\?"):
        of_file({"wrokers": 2}, path="fastfork.toml")


def test_bad_value_in_a_file_is_told_with_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^fastfork.toml: workers: 0 can't be used; allowed is"):
        combine([of_file({"app": "shop", "workers": 0}, path="fastfork.toml")])


def test_misspelt_variable_is_refused_and_a_foreign_one_is_not() -> None:
    assert of_environment({"FASTFORK_SERVICE_HOST": "10.0.0.1", "FASTFORK_PORT": "tcp://x"}) == {}
    with pytest.raises(ConfigError, match=r"FASTFORK_WORKER; did you mean FASTFORK_WORKERS\?"):
        of_environment({"FASTFORK_WORKER": "2"})

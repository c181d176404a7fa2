"""The table of settings: defaults, sources, and messages that say what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from fastfork.config.sources import resolve
from fastfork.errors import ConfigError
from fastfork.settings import table


def test_defaults_are_those_of_the_table() -> None:
    settings = resolve({"app": "shop"}, {})

    assert settings.bind == ("127.0.0.1:8000",)
    assert settings.workers == "auto"
    assert (settings.graceful_timeout, settings.keep_alive) == (30.0, 75.0)
    assert (settings.limit_request_line, settings.limit_request_fields) == (8190, 100)
    assert settings.access_logfile is None


def test_texts_of_the_command_line_become_numbers() -> None:
    settings = resolve({"app": "shop", "workers": "4", "keep_alive": "2.5"}, {})

    assert settings.workers == 4
    assert settings.keep_alive == 2.5


def test_one_bind_may_be_given_as_a_text() -> None:
    assert resolve({"app": "shop", "bind": ":80"}, {}).bind == (":80",)


def test_several_binds_keep_their_order() -> None:
    assert resolve({"app": "shop", "bind": [":80", "unix:x"]}, {}).bind == (":80", "unix:x")


def test_port_of_the_environment_is_served_on_every_interface() -> None:
    assert resolve({"app": "shop"}, {"PORT": "5000"}).bind == ("0.0.0.0:5000",)


def test_web_concurrency_sets_the_workers() -> None:
    assert resolve({"app": "shop"}, {"WEB_CONCURRENCY": "3"}).workers == 3


def test_empty_variable_counts_as_unset() -> None:
    assert resolve({"app": "shop"}, {"WEB_CONCURRENCY": "", "PORT": ""}).workers == "auto"


def test_what_is_given_beats_the_environment() -> None:
    environ = {"PORT": "5000", "WEB_CONCURRENCY": "3"}

    settings = resolve({"app": "shop", "bind": ":80", "workers": 2}, environ)

    assert (settings.bind, settings.workers) == ((":80",), 2)


def test_none_counts_as_not_given() -> None:
    assert resolve({"app": "shop", "backlog": None}, {}).backlog == 2048


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("workers", "0", "a whole number from 1 to 512, auto or max"),
        ("workers", "many", "a whole number from 1 to 512, auto or max"),
        ("workers", 1.5, "a whole number from 1 to 512, auto or max"),
        ("backlog", "-1", "a whole number from 1 to 65535"),
        ("keep_alive", "nan", "a number from 0 to 86400"),
        ("head_timeout", "0", "a number above 0 to 86400"),
        ("max_connections", "10", "a whole number from 64 to 1048576"),
        ("log_level", "loud", "critical, debug, error, info or warning"),
        ("bind", 80, "a text or a list of texts"),
        ("chdir", 1, "a text"),
        ("root_path", "shop", "a text of the form ^(/.*[^/])?$"),
        ("root_path", "/shop/", "a text of the form ^(/.*[^/])?$"),
        ("header_map", "dangerous", "drop or refuse"),
    ],
)
def test_bad_value_is_told_with_what_is_allowed(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"app": "shop", name: value}, {})

    assert str(caught.value) == f"{name}: {value!r} can't be used; allowed is {allowed}"


def test_bad_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^environment variable WEB_CONCURRENCY: 'x' can't"):
        resolve({"app": "shop"}, {"WEB_CONCURRENCY": "x"})


def test_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'worker'; did you mean workers\?"):
        resolve({"app": "shop", "worker": 2}, {})


def test_missing_application_is_told_with_an_example() -> None:
    with pytest.raises(ConfigError, match=r"no application given.*fastfork serve"):
        resolve({}, {})


def test_every_setting_has_a_help_text_and_a_flag() -> None:
    for row in table():
        assert row.description
        assert all(flag.startswith("-") for flag in row.flags)


def test_no_flag_stands_for_two_settings() -> None:
    flags = [flag for row in table() for flag in row.flags]

    assert len(flags) == len(set(flags))

"""The options of `fastfork serve`, generated from the table of settings, and what all sources say."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from fastfork.cli.completion import completes, completes_paths, modules
from fastfork.config import files, gunicorn
from fastfork.config.sources import Config, combine, of_arguments, of_environment, of_file
from fastfork.errors import ConfigError
from fastfork.settings import Setting, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GUNICORN_ARGS = "GUNICORN_CMD_ARGS"

_WITHOUT_MEANING = ("worker_tmp_dir",)
_DAEMON = (
    "-D: this server stays in the foreground; let systemd (fastfork systemd-unit), a container or"
    " nohup keep it"
)


class Gathered(NamedTuple):
    """The settings of all sources."""

    config: Config
    notes: Sequence[str]
    """For the log."""
    hooks: Mapping[str, Callable[..., object]]
    """Of a gunicorn.conf.py."""


def gather(
    given: Mapping[str, Any], environ: Mapping[str, str] = os.environ, *, needs_app: bool = True
) -> Gathered:
    """Return what file, environment and command line say together. Raises ConfigError."""
    legacy = _gunicorn_args(environ.get(GUNICORN_ARGS, ""))
    path = given.get("config") or legacy.get("config")
    file = files.read(path)
    notes = [*_notes(legacy), *_notes(given), *(file.notes if file else ())]
    config = combine(
        [
            of_file(file.values, path=file.path) if file else {},
            of_arguments(_settings_of(legacy), origin=GUNICORN_ARGS),
            of_environment(environ),
            of_arguments(_settings_of(given), origin="command line"),
        ],
        needs_app=needs_app,
    )
    return Gathered(config, notes, file.hooks if file else {})


def parameters() -> list[click.Parameter]:
    """Return the argument and the options of `fastfork serve`."""
    return [
        click.Argument(["app"], required=False, shell_complete=completes(modules)),
        click.Option(
            ["config", "-c", "--config"],
            metavar="FILE",
            shell_complete=completes_paths("FILE"),
            help="file of settings: .toml is ours, .py is gunicorn's [default: ./fastfork.toml, or"
            " [tool.fastfork] in ./pyproject.toml, or ./gunicorn.conf.py]",
        ),
        *(_option(row) for row in table() if row.name != "app"),
        # What gunicorn's command line may hold beside what we call by the same name.
        click.Option(["worker_class", "-k", "--worker-class"], hidden=True),
        click.Option(["daemon", "-D", "--daemon"], is_flag=True, default=None, hidden=True),
        *(click.Option([name, _flag(name)], hidden=True) for name in _WITHOUT_MEANING),
        click.Option(["certfile", "--certfile"], hidden=True),
        click.Option(["keyfile", "--keyfile"], hidden=True),
    ]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _gunicorn_args(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        command = click.Command(GUNICORN_ARGS, params=parameters())
        return command.make_context(GUNICORN_ARGS, shlex.split(text)).params
    except (click.UsageError, ValueError) as error:
        told = error.format_message() if isinstance(error, click.UsageError) else str(error)
        raise ConfigError(f"{GUNICORN_ARGS}: {told}") from None


def _settings_of(given: Mapping[str, Any]) -> dict[str, Any]:
    return {row.name: given.get(row.name) for row in table()}


def _notes(given: Mapping[str, Any]) -> list[str]:
    for name in ("certfile", "keyfile"):
        if given.get(name):
            gunicorn.refuse(name)
    notes = gunicorn.worker_class(given["worker_class"]) if given.get("worker_class") else []
    notes += [f"{_flag(name)} has no meaning here" for name in _WITHOUT_MEANING if given.get(name)]
    return [*notes, _DAEMON] if given.get("daemon") else notes


def _option(row: Setting) -> click.Option:
    if row.is_switch:
        (flag,) = row.flags
        both = flag if flag.startswith("--no-") else f"{flag}/--no-{flag.removeprefix('--')}"
        return click.Option([row.name, both], is_flag=True, default=None, help=_help(row))
    return click.Option(
        [row.name, *row.flags],
        metavar=row.metavar,
        multiple=row.is_repeatable,
        default=None,
        help=_help(row),
        shell_complete=completes(lambda: row.words) if row.words else completes_paths(row.metavar),
    )


def _help(row: Setting) -> str:
    defaults = row.default if row.is_repeatable else [row.default]
    notes = [f"default: {_shown(value)}" for value in defaults if value is not None]
    if row.env is not None:
        variable, template = row.env
        target = f" as {template.format('$' + variable)}" if template != "{}" else ""
        notes.append(f"environment: {variable}{target}")
    return f"{row.description} [{'; '.join(notes)}]" if notes else row.description


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

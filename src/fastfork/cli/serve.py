"""`fastfork serve`: its options are generated from the table of settings."""

from __future__ import annotations

import os
from typing import Any

import click

from fastfork.errors import FastforkError
from fastfork.settings import Setting, resolve, table


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


def _run(app: str | None, **given: Any) -> None:
    from fastfork.server import serve

    try:
        serve(
            resolve(
                {"app": app, **{name: value for name, value in given.items() if value != ()}},
                os.environ,
            )
        )
    except FastforkError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


serve = click.Command(
    "serve",
    callback=_run,
    params=[
        click.Argument(["app"], required=False),
        *(_option(row) for row in table() if row.name != "app"),
    ],
    help="Serve APP: pkg.mod:attr, pkg.mod (its application or app), or a factory as mod:create_app().",
)

"""`fastfork serve`."""

from __future__ import annotations

import os
from typing import Any

import click

from fastfork.cli.options import gather, parameters
from fastfork.errors import FastforkError


def _run(**given: Any) -> None:
    from fastfork.server import serve

    try:
        environ = dict(os.environ)
        config, notes = gather(given, environ)
        serve(config.settings, notes=notes, read=lambda: gather(given, environ).config.settings)
    except FastforkError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


serve = click.Command(
    "serve",
    callback=_run,
    params=parameters(),
    help="Serve APP: pkg.mod:attr, pkg.mod (its application or app), or a factory as mod:create_app().",
)

"""`fastfork serve`."""

from __future__ import annotations

from typing import Any

import click

from fastfork.cli.options import gather, parameters
from fastfork.errors import FastforkError


def _run(**given: Any) -> None:
    from fastfork.server import serve

    try:
        config, notes = gather(given)
        serve(config.settings, notes=notes)
    except FastforkError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


serve = click.Command(
    "serve",
    callback=_run,
    params=parameters(),
    help="Serve APP: pkg.mod:attr, pkg.mod (its application or app), or a factory as mod:create_app().",
)

"""`fastfork serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from fastfork.cli.options import gather, parameters
from fastfork.config.legacy import LegacyHooks
from fastfork.errors import FastforkError

if TYPE_CHECKING:
    from fastfork.settings import Settings


def _run(**given: Any) -> None:
    from fastfork.server import serve

    try:
        environ = dict(os.environ)
        config, notes, hooks = gather(given, environ)
        legacy = LegacyHooks()
        legacy.take(hooks)

        def read() -> Settings:
            config, _, hooks = gather(given, environ)
            legacy.take(hooks)
            return config.settings

        serve(config.settings, notes=notes, read=read, legacy=legacy)
    except FastforkError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


serve: click.Command = click.Command(
    "serve",
    callback=_run,
    params=parameters(),
    help="Serve APP: pkg.mod:attr, pkg.mod (its application or app), or a factory as mod:create_app().",
)

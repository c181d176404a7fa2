"""`fastfork config`: what a server would be told, and whether that can be served."""

from __future__ import annotations

import json
from typing import Any

import click

from fastfork.cli.command import Command
from fastfork.cli.options import gather, parameters
from fastfork.log import without_password
from fastfork.settings import table


@click.group(short_help="Check or show the settings a server would have.")
def config() -> None:
    """Check or show the settings that `fastfork serve` would have with the same options."""


def _check(**given: Any) -> None:
    from fastfork import app
    from fastfork.config.surroundings import Start
    from fastfork.worker.identity import identity_of

    settings = gather(given).config.settings
    identity_of(settings)
    Start().enter(settings)
    app.load(settings.app, interface=settings.interface)
    click.echo(f"{settings.app} can be served")


def _show(*, as_json: bool, **given: Any) -> None:
    settings, origins = gather(given).config
    rows = {row.name: getattr(settings, row.name) for row in table()}
    rows["bus"] = without_password(settings.bus)
    if as_json:
        shown = {
            name: {"value": value, "origin": origins.get(name, "default")}
            for name, value in rows.items()
        }
        click.echo(json.dumps(shown, indent=2))
        return
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:{width}}  {json.dumps(value)}  ({origins.get(name, 'default')})")


config.add_command(
    Command(
        "check",
        callback=_check,
        params=parameters(),
        help="Check all settings and import the application; exit as `fastfork serve` would.",
    )
)
config.add_command(
    Command(
        "show",
        callback=_show,
        params=[*parameters(), click.Option(["as_json", "--json"], is_flag=True, help="as JSON")],
        help="Show each setting and where it came from.",
    )
)

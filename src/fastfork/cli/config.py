"""`fastfork config`: what a server would be told, and whether that can be served."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from fastfork._version import __version__
from fastfork.cli.command import Command
from fastfork.cli.options import gather, parameters
from fastfork.errors import FastforkError
from fastfork.log import without_password
from fastfork.settings import table

if TYPE_CHECKING:
    from fastfork.settings import Settings

_ROOM = 30_000
"""Characters of a message that surely fit into a pipe."""


@click.group(short_help="Check or show the settings a server would have.")
def config() -> None:
    """Check or show the settings that `fastfork serve` would have with the same options."""


def _check(*, facts: int | None, **given: Any) -> None:
    if facts is not None:
        _tell(facts, given)
    else:
        click.echo(f"{_try(given).app} can be served")


def _try(given: dict[str, Any]) -> Settings:
    from fastfork import app
    from fastfork.config.surroundings import Start
    from fastfork.worker.identity import identity_of

    settings = gather(given).config.settings
    identity = identity_of(settings)
    Start().enter(settings)
    identity.take()
    app.load(settings.app, interface=settings.interface)
    return settings


def _tell(fd: int, given: dict[str, Any]) -> None:
    """Say to a server that may become this version what this version is."""
    import msgspec

    from fastfork._native.dispatcher import layout
    from fastfork.supervisor.inheritance import Facts, addresses_of

    facts = Facts(__version__, layout(), {})
    try:
        facts = msgspec.structs.replace(facts, addresses=addresses_of(_try(given)))
    except FastforkError as error:
        facts = msgspec.structs.replace(facts, error=str(error)[:_ROOM])
    os.write(fd, msgspec.json.encode(facts))


def _show(*, as_json: bool, **given: Any) -> None:
    settings, origins = gather(given, needs_app=False).config
    rows = {row.name: getattr(settings, row.name) for row in table()}
    rows["app"] = settings.app or None
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
        params=[*parameters(), click.Option(["facts", "--facts"], type=int, hidden=True)],
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

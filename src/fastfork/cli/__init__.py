"""The `fastfork` command."""

from __future__ import annotations

import os

import click

from fastfork._version import __version__
from fastfork.cli.command import Commands, wants_colour
from fastfork.cli.completion import completion
from fastfork.cli.config import config
from fastfork.cli.control import COMMANDS
from fastfork.cli.doctor import doctor
from fastfork.cli.serve import serve
from fastfork.cli.systemd_unit import systemd_unit


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="fastfork %(version)s")
def main() -> None:
    """Serve Python web applications from every core, and steer the servers that run."""
    click.get_current_context().color = wants_colour(os.environ)


for _command in (serve, config, doctor, *COMMANDS, systemd_unit, completion):
    main.add_command(_command)

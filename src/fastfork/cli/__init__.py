"""The `fastfork` command."""

from __future__ import annotations

import click

from fastfork._version import __version__
from fastfork.cli.config import config
from fastfork.cli.control import COMMANDS
from fastfork.cli.doctor import doctor
from fastfork.cli.serve import serve
from fastfork.cli.systemd_unit import systemd_unit


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="fastfork %(version)s")
def main() -> None:
    """Serve Python web applications from every core, and steer the servers that run."""


for _command in (serve, *COMMANDS, config, doctor, systemd_unit):
    main.add_command(_command)

"""The `fastfork` command."""

from __future__ import annotations

import os

import click

from fastfork._version import __version__
from fastfork.cli.command import Commands, wants_colour

_PLACES = {
    "serve": "serve",
    "config": "config",
    "doctor": "doctor",
    **dict.fromkeys(
        ("status", "stop", "reload", "upgrade", "restart", "scale", "dump", "logs", "top"),
        "control",
    ),
    "systemd-unit": "systemd_unit",
    "completion": "completion",
}
"""In which module each command is, in the order of their need."""


@click.group(cls=Commands, places=_PLACES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="fastfork %(version)s")
def main() -> None:
    """Serve Python web applications from every core, and steer the servers that run."""
    click.get_current_context().color = wants_colour(os.environ)

"""What all commands have in common: errors of one line, hints for what is misspelt, colours."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from fastfork.errors import FastforkError

if TYPE_CHECKING:
    from collections.abc import Mapping


ELSEWHERE = {
    "--host": "--bind HOST:PORT",
    "--port": "--bind :PORT",
    "--uds": "--bind unix:PATH",
    "--fd": "--bind fd://N",
    "--app-dir": "--chdir DIR",
    "--pythonpath": "--chdir DIR",
    "--factory": "the call itself, as in: fastfork serve 'shop:create_app()'",
    "--interfaces": "--interface",
    "--no-access-log": "nothing: there is no access log without --access-logfile",
}
"""What other servers call by another name, and what it is here."""
HABITS = {"run": "serve", "start": "serve", "ps": "status", "list": "status", "help": "--help"}


class Command(click.Command):
    """A command whose errors are one line on stderr and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; say what those of other servers are called here."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in ELSEWHERE:
                raise
            ctx.fail(
                f"no such option {error.option_name}; here it is {ELSEWHERE[error.option_name]}"
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except FastforkError as error:
            give_up(error)


class Commands(click.Group):
    """Commands, imported when they are called; what is none of them is answered by what may be meant.

    *places* gives the module in this package for each name.
    """

    def __init__(self, *, places: Mapping[str, str], **given: Any) -> None:
        super().__init__(**given)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """Return their names, in the order of *places*."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of that name, None if there is none."""
        if cmd_name not in self.places:
            return None
        module = import_module(f"fastfork.cli.{self.places[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* begin with, or say which one may be meant."""
        word = args[0]
        if self.get_command(ctx, word) is None and not ctx.resilient_parsing:
            ctx.fail(offer(word, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


def offer(word: str, commands: list[str]) -> str:
    """Return what to say of a *word* that is none of *commands*."""
    if ":" in word or "." in word or "/" in word:
        return f"no such command {word!r}; to serve an application: fastfork serve {word}"
    from difflib import get_close_matches

    close = [HABITS[word]] if word in HABITS else get_close_matches(word, commands, n=2)
    known = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(commands)}"
    return f"no such command {word!r}; {known}"


def give_up(error: FastforkError) -> NoReturn:
    """Say what went wrong and end with its exit code."""
    click.echo(f"{click.style('Error:', fg='red')} {error}", err=True)
    raise SystemExit(error.exit_code) from None


def wants_colour(environ: Mapping[str, str]) -> bool | None:
    """Return whether there are colours whoever reads it, None: on terminals only (no-color.org)."""
    if environ.get("NO_COLOR"):
        return False
    return True if environ.get("FORCE_COLOR") else None

"""The commands for a server that runs: each finds it by its control socket and waits for the result."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastfork.errors import FastforkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastfork.control import Client

    _Callback = Callable[..., None]

_LINES = 15
_PAUSE = 0.2


def _steers(function: _Callback) -> _Callback:
    """Give a command the options that say which server it is for."""
    by_path = click.option("--control-socket", "path", metavar="PATH", help="server, by its socket")
    return click.option("--name", metavar="NAME", help="server, by its --name")(by_path(function))


def _client(name: str | None, path: str | None) -> Client:
    from fastfork.control import Client

    return Client(path, name=name)


class Command(click.Command):
    """A command whose errors are one line on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except FastforkError as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(error.exit_code) from None


@click.command(cls=Command)
@_steers
@click.option("--json", "as_json", is_flag=True, help="as JSON, with everything there is")
def status(*, name: str | None, path: str | None, as_json: bool) -> None:
    """Show what a server and its workers are and do now."""
    import json

    from fastfork.cli.table import lines_of

    with _client(name, path) as client:
        found = client.status()
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines_of(found)))


@click.command(cls=Command)
@_steers
@click.option("--now", is_flag=True, help="don't wait for what runs")
def stop(*, name: str | None, path: str | None, now: bool) -> None:
    """Stop a server: it accepts no more, finishes what runs, and ends."""
    with _client(name, path) as client:
        client.stop(now=now)
    click.echo("stopped")


@click.command(cls=Command)
@click.argument("slot", metavar="SLOT|all")
@_steers
def restart(*, slot: str, name: str | None, path: str | None) -> None:
    """Replace one worker, or all of them one after the other, without losing a request."""
    with _client(name, path) as client:
        done = client.restart(None if slot == "all" else _number(slot))
    click.echo(f"restarted: {', '.join(map(str, done['restarted']))}")


@click.command(cls=Command)
@_steers
def reload(*, name: str | None, path: str | None) -> None:
    """Take new code and settings without losing a request; if they fail, the old ones go on."""
    with _client(name, path) as client:
        client.reload()
    click.echo("reloaded")


@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("workers", metavar="N|+N|-N")
@_steers
def scale(*, workers: str, name: str | None, path: str | None) -> None:
    """Have N workers, or N more or fewer; those that leave finish what they run."""
    if not re.fullmatch(r"[+-]?\d{1,4}", workers):
        raise click.BadParameter(f"{workers!r} is no number of workers; give 4, +1 or -1")
    with _client(name, path) as client:
        done = client.scale(workers)
    click.echo(f"workers: {done}")


@click.command(cls=Command)
@click.argument("slot", metavar="SLOT")
@_steers
def dump(*, slot: str, name: str | None, path: str | None) -> None:
    """Print where the threads of a worker are, as Python stacks; it goes on."""
    with _client(name, path) as client:
        click.echo(client.dump(_number(slot)), nl=False)


@click.command(cls=Command)
@_steers
@click.option("-f", "--follow", is_flag=True, help="go on with what is written from now on")
@click.option("--access", is_flag=True, help="the access log instead of the error log")
@click.option("-n", "--lines", default=_LINES, metavar="N", help=f"so many lines [{_LINES}]")
def logs(*, name: str | None, path: str | None, follow: bool, access: bool, lines: int) -> None:
    """Print the last lines of a log of a server."""
    with _client(name, path) as client:
        found = client.status()["access_log" if access else "error_log"]
    if found is None:
        which = "access" if access else "error"
        raise click.ClickException(
            f"the {which} log of this server is no file; look where its output goes"
            f" (journalctl, docker logs), or start it with --{which}-logfile"
        )
    for line in _tail(Path(found), lines, follow=follow):
        click.echo(line, nl=False)


@click.command(cls=Command)
@_steers
@click.option("--once", is_flag=True, help="print one table and end")
def top(*, name: str | None, path: str | None, once: bool) -> None:
    """Watch a server live; keys sort the table, restart a worker, quit."""
    from fastfork.cli.top import Top

    with _client(name, path) as client:
        Top(client).run(once=once or not sys.stdout.isatty())


COMMANDS: tuple[click.Command, ...] = (status, stop, reload, restart, scale, dump, logs, top)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise click.BadParameter(f"{text!r} is no slot: slots are numbers from 0")
    return int(text)


def _tail(path: Path, lines: int, *, follow: bool) -> Iterator[str]:
    """Give the last *lines* of a file, then those that come; also when another takes its name."""
    file = path.open(errors="backslashreplace")
    yield from file.readlines()[-lines:] if lines else file.readlines()[:0]
    while follow:
        if line := file.readline():
            yield line
            continue
        try:
            is_other = path.stat().st_ino != Path(f"/proc/self/fd/{file.fileno()}").stat().st_ino
        except FileNotFoundError:
            is_other = False  # renamed; the next one is about to be made
        if is_other and not (rest := file.read()):
            file.close()
            file = path.open(errors="backslashreplace")
        elif is_other:
            yield rest
        else:
            time.sleep(_PAUSE)
    file.close()

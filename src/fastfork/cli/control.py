"""The commands for a server that runs: each finds it by its control socket and waits for the result."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastfork.cli.command import Command
from fastfork.cli.completion import completes, completes_paths, servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastfork.control import Client

    _Callback = Callable[..., None]

_LINES = 15
_PAUSE = 0.2


def _steers(function: _Callback) -> _Callback:
    """Give a command the options that say which server it is for."""
    by_path = click.option(
        "--control-socket",
        "path",
        metavar="PATH",
        help="server, by its socket",
        shell_complete=completes_paths("PATH"),
    )
    by_name = click.option(
        "--name", metavar="NAME", help="server, by its --name", shell_complete=completes(servers)
    )
    return by_name(by_path(function))


def _client(name: str | None, path: str | None) -> Client:
    from fastfork.control import Client

    return Client(path, name=name)


def _orders(function: _Callback) -> _Callback:
    """Give a command also the options that say how its result is told."""
    by_json = click.option("--json", "as_json", is_flag=True, help="the result as JSON")
    quiet = click.option("-q", "--quiet", is_flag=True, help="say nothing unless it fails")
    return _steers(by_json(quiet(function)))


def _tell(said: str, *, result: object, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps(result))
    elif not quiet:
        click.echo(said)


@click.command(cls=Command, short_help="Show what a server and its workers do now.")
@_steers
@click.option("--json", "as_json", is_flag=True, help="as JSON, with everything there is")
def status(*, name: str | None, path: str | None, as_json: bool) -> None:
    """Show what a server and its workers are and do now."""
    from fastfork.cli.table import lines_of

    with _client(name, path) as client:
        found = client.status()
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines_of(found)))


@click.command(cls=Command, short_help="Stop a server; what runs is finished.")
@_orders
@click.option("--now", is_flag=True, help="don't wait for what runs")
def stop(*, name: str | None, path: str | None, now: bool, as_json: bool, quiet: bool) -> None:
    """Stop a server: it accepts no more, finishes what runs, and ends."""
    with _client(name, path) as client:
        client.stop(now=now)
    _tell("stopped", result={"stopped": True}, as_json=as_json, quiet=quiet)


@click.command(cls=Command, short_help="Replace workers without losing a request.")
@click.argument("slot", metavar="SLOT|all", shell_complete=completes(lambda: ["all"]))
@_orders
def restart(*, slot: str, name: str | None, path: str | None, as_json: bool, quiet: bool) -> None:
    """Replace one worker, or all of them one after the other, without losing a request."""
    with _client(name, path) as client:
        done = client.restart(None if slot == "all" else _number(slot))
    slots = ", ".join(map(str, done["restarted"]))
    _tell(f"restarted: {slots}", result=done, as_json=as_json, quiet=quiet)


@click.command(cls=Command, short_help="Take new code and settings, if they work.")
@_orders
def reload(*, name: str | None, path: str | None, as_json: bool, quiet: bool) -> None:
    """Take new code and settings without losing a request; if they fail, the old ones go on."""
    with _client(name, path) as client:
        client.reload()
    _tell("reloaded", result={"reloaded": True}, as_json=as_json, quiet=quiet)


@click.command(cls=Command, short_help="Take a new version of fastfork in place.")
@_orders
def upgrade(*, name: str | None, path: str | None, as_json: bool, quiet: bool) -> None:
    """Take a new version of fastfork in place: same process, same connections, no request lost."""
    with _client(name, path) as client:
        version = client.upgrade()
    told = f"upgraded: version {version} serves"
    _tell(told, result={"version": version}, as_json=as_json, quiet=quiet)


@click.command(
    cls=Command,
    short_help="Have more or fewer workers.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("workers", metavar="N|+N|-N")
@_orders
def scale(*, workers: str, name: str | None, path: str | None, as_json: bool, quiet: bool) -> None:
    """Have N workers, or N more or fewer; those that leave finish what they run."""
    if not re.fullmatch(r"[+-]?\d{1,4}", workers):
        raise click.BadParameter(f"{workers!r} is no number of workers; give 4, +1 or -1")
    with _client(name, path) as client:
        done = client.scale(workers)
    _tell(f"workers: {done}", result={"workers": done}, as_json=as_json, quiet=quiet)


@click.command(cls=Command, short_help="Print where the threads of a worker are.")
@click.argument("slot", metavar="SLOT")
@_steers
def dump(*, slot: str, name: str | None, path: str | None) -> None:
    """Print where the threads of a worker are, as Python stacks; it goes on."""
    with _client(name, path) as client:
        click.echo(client.dump(_number(slot)), nl=False)


@click.command(cls=Command, short_help="Print the last lines of a log.")
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


@click.command(cls=Command, short_help="Watch a server live.")
@_steers
@click.option("--once", is_flag=True, help="print one table and end")
def top(*, name: str | None, path: str | None, once: bool) -> None:
    """Watch a server live; keys sort the table, restart a worker, quit."""
    from fastfork.cli.top import Top

    with _client(name, path) as client:
        Top(client).run(once=once or not sys.stdout.isatty())


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

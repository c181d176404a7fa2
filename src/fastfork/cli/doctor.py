"""`fastfork doctor`: what of this machine stands in a server's way, and what to do about it."""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fastfork.cli import checks
from fastfork.cli.command import Command
from fastfork.cli.options import gather, parameters
from fastfork.errors import FastforkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastfork.cli.checks import Finding
    from fastfork.settings import Settings

_COLOURS = {"ok": "green", "note": "yellow", "bad": "red"}


def _run(*, as_json: bool, quiet: bool, **given: Any) -> None:
    # Which application it is makes no difference; `fastfork config check` imports it.
    settings = gather({**given, "app": given["app"] or "any"}).config.settings
    found = [one for one in _examine(settings) if not quiet or one.grade != "ok"]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        click.echo("".join(f"{line}\n" for line in lines_of(found)), nl=False)
    if any(one.grade == "bad" for one in found):
        raise SystemExit(1)


def lines_of(found: Sequence[Finding]) -> list[str]:
    """Return findings as people read them, the remedy of each below it."""
    width = max((len(one.what) for one in found), default=0)
    lines = []
    for one in found:
        grade = click.style(f"{one.grade:4}", fg=_COLOURS[one.grade])
        lines.append(f"{grade}  {one.what:{width}}  {one.said}")
        if one.remedy:
            lines.append(f"{'':{width + 6}}  -> {one.remedy}")
    return lines


def _examine(settings: Settings) -> Iterator[Finding]:
    from fastfork.cli import machine
    from fastfork.supervisor import pidfds
    from fastfork.supervisor.binds import TcpBind, parse_bind
    from fastfork.supervisor.cores import count_usable_cores

    usable = count_usable_cores()
    workers = settings.workers if isinstance(settings.workers, int) else usable
    has_gil = bool(getattr(sys, "_is_gil_enabled", lambda: True)())
    yield checks.python(sys.version.partition(" ")[0], has_gil=has_gil)
    try:
        pidfds.check()
        refusal = None
    except FastforkError as error:
        refusal = str(error)
    yield checks.kernel(os.uname().release, refusal)
    yield checks.cores(usable, settings)
    if limit := machine.cgroup_limit("memory.max"):
        yield checks.memory(limit, workers=workers)
    _, own = resource.getrlimit(resource.RLIMIT_NPROC)
    known = [one for one in (own, machine.cgroup_limit("pids.max")) if one and one > 0]
    yield checks.processes(min(known, default=None), workers=workers, threads=settings.threads)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield checks.open_files(hard, settings, workers=workers)
    yield checks.backlog(settings.backlog, machine.queues())
    for bind in map(parse_bind, settings.bind):
        refusal = machine.why_not(bind)
        owners = machine.owners(bind.port) if refusal and isinstance(bind, TcpBind) else []
        yield checks.address(bind, refusal, owners=owners)
    if not (settings.control_socket or settings.no_control_socket):
        yield _control()
    yield from checks.extras(machine.missing_extras(), settings)


def _control() -> Finding:
    from fastfork.control import paths

    folders = paths.folders(os.environ, uid=os.geteuid())
    why = None
    for folder in folders:
        try:
            paths.prepare(folder)
            return checks.control(None, str(folder))
        except OSError as error:
            why = error.strerror
    return checks.control(why, str(folders[-1]))


doctor: click.Command = Command(
    "doctor",
    callback=_run,
    params=[
        *parameters(),
        click.Option(["as_json", "--json"], is_flag=True, help="as JSON"),
        click.Option(
            ["quiet", "-q", "--quiet"], is_flag=True, help="only what is not as it should be"
        ),
    ],
    short_help="Say what of this machine stands in a server's way.",
    help="Look at this machine with the eyes of a server that had these settings: limits, kernel,"
    " addresses, missing packages. Says what to do about each; exits with 1 if one can't be served with.",
)

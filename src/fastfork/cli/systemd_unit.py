"""`fastfork systemd-unit`: the files that make systemd start, watch and stop a server."""

from __future__ import annotations

import os
import pwd
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastfork.cli.command import give_up
from fastfork.cli.options import gather
from fastfork.cli.serve import serve
from fastfork.errors import ConfigError, FastforkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastfork.settings import Settings

_FOLDER = "/etc/systemd/system"
_SPARE = 10
"""Seconds beyond the server's own patience before systemd kills it."""

_SERVICE = """\
# Steer it with: fastfork status --control-socket /run/{name}/control.sock (restart, dump, top, ...)
[Unit]
Description=fastfork {app}
Documentation=https://pypi.org/project/fastfork/
After=network.target
Requires={name}.socket

[Service]
Type=notify
NotifyAccess=main
User={user}
WorkingDirectory={folder}
RuntimeDirectory={name}
RuntimeDirectoryMode=0700
ExecStart={command}
ExecReload={reload}
# TERM goes to the main process alone, which lets its workers finish.
KillMode=mixed
TimeoutStopSec={patience:.0f}
WatchdogSec=30
Restart=on-failure
RestartSec=1
# The application can't be loaded: another try would fail as well.
RestartPreventExitStatus=2 3 4
LimitNOFILE=524288
NoNewPrivileges=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""

_SOCKET = """\
# systemd listens: nobody is refused while the server starts anew.
[Unit]
Description=Sockets of fastfork {app}

[Socket]
{listens}
Backlog={backlog}
Service={name}.service

[Install]
WantedBy=sockets.target
"""


def quote(word: str) -> str:
    """Return *word* as systemd reads it in ExecStart=."""
    word = word.replace("%", "%%").replace("$", "$$")
    if word and not re.search(r"[^\w@%+=:,./$-]", word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def listen_stream(bind: str) -> str:
    """Return what ListenStream= says for a `--bind`; raise ConfigError for what systemd can't open."""
    from fastfork.supervisor.binds import TcpBind, UnixBind, parse_bind

    parsed = parse_bind(bind)
    if isinstance(parsed, TcpBind):
        host = "127.0.0.1" if parsed.host == "localhost" else parsed.host
        if not re.fullmatch(r"[0-9.]+|.*:.*", host) or parsed.port == 0:
            raise ConfigError(f"bind: {bind!r} can't be a socket of systemd; give address and port")
        return str(TcpBind(host, parsed.port))
    if isinstance(parsed, UnixBind):
        return parsed.path
    raise ConfigError(f"bind: {bind!r} can't be a socket of systemd, which opens its own ones")


def units(words: Sequence[str], settings: Settings, *, name: str, user: str) -> dict[str, str]:
    """Return the files by name, for a server that is started with *words* behind `serve`."""
    own = [] if settings.control_socket else ["--control-socket", f"/run/{name}/control.sock"]
    command = [sys.executable, "-m", "fastfork", "serve", *words, *own]
    reload = [sys.executable, "-m", "fastfork", "reload"]
    reload += ["--control-socket", settings.control_socket or own[1]]
    service = _SERVICE.format(
        name=name,
        app=settings.app.replace("%", "%%"),
        user=user,
        folder=os.getcwd().replace("%", "%%"),
        command=" ".join(map(quote, command)),
        reload=" ".join(map(quote, reload)),
        patience=settings.graceful_timeout + settings.shutdown_delay + _SPARE,
    )
    listens = "\n".join(f"ListenStream={listen_stream(bind)}" for bind in settings.bind)
    socket = _SOCKET.format(
        name=name, app=settings.app.replace("%", "%%"), listens=listens, backlog=settings.backlog
    )
    return {f"{name}.service": service, f"{name}.socket": socket}


@click.command(
    "systemd-unit",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Print the files that let systemd run a server.",
)
@click.option("--user", metavar="USER", help="who it runs as [default: you]")
@click.option("--output", metavar="DIR", help="write the files there instead of printing them")
@click.argument("words", metavar="APP [OPTIONS OF SERVE]", nargs=-1, type=click.UNPROCESSED)
def systemd_unit(*, user: str | None, output: str | None, words: tuple[str, ...]) -> None:
    """Print the files that let systemd run a server, for what would follow `fastfork serve`.

    \b
    fastfork systemd-unit --output /etc/systemd/system shop:app -w 4 -b 0.0.0.0:80
    systemctl daemon-reload && systemctl enable --now shop-app.socket shop-app.service
    """
    from fastfork.control.paths import clean

    given = serve.make_context("serve", list(words)).params
    try:
        settings = gather(given, {}).config.settings
        name = clean(settings.name or settings.app)
        user = user or pwd.getpwuid(os.geteuid()).pw_name
        found = units(words, settings, name=name, user=user)
    except FastforkError as error:
        give_up(error)
    for file, text in found.items():
        if output is None:
            click.echo(f"# {_FOLDER}/{file}\n{text}")
        else:
            (Path(output) / file).write_text(text)
            click.echo(Path(output) / file)

"""`fastfork completion`: what a shell needs to complete commands, options and their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_VARIABLE = "_FASTFORK_COMPLETE"
_KINDS = {"FILE": "file", "PATH": "file", "DIR": "dir"}


def completes(find: Callable[[], Iterable[str]]) -> Complete:
    """Return what completes a word to those of what *find* gives that begin with it."""
    return lambda ctx, param, begun: [
        CompletionItem(word) for word in find() if word.startswith(begun)
    ]


def completes_paths(metavar: str) -> Complete | None:
    """Return what completes a value that the help calls *metavar*, None if that is no path."""
    if metavar not in _KINDS:
        return None
    return lambda ctx, param, begun: [CompletionItem(begun, type=_KINDS[metavar])]


def modules() -> list[str]:
    """Return the modules that the working directory has to serve, and its packages."""
    here = Path()
    files = [path.stem for path in here.glob("*.py") if path.stem.isidentifier()]
    packages = {path.parent.name for path in here.glob("*/*.py")}
    return sorted([*files, *(name for name in packages if name.isidentifier())])


def servers() -> list[str]:
    """Return the names of this user's servers that run."""
    from fastfork.control import Client, paths
    from fastfork.control.protocol import ControlError

    found = []
    for path in paths.sockets(os.environ, uid=os.geteuid()):
        try:
            Client(path).close()
        except ControlError:
            continue  # what a killed one has left
        found.append(path.stem)
    return found


@click.command(short_help="Print what makes a shell complete commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print what makes a shell complete commands, options and their values.

    \b
    echo 'eval "$(fastfork completion bash)"' >> ~/.bashrc
    echo 'eval "$(fastfork completion zsh)"' >> ~/.zshrc
    fastfork completion fish > ~/.config/fish/completions/fastfork.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    click.echo(kind(root, {}, "fastfork", _VARIABLE).source())

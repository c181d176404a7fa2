"""Directory, variables and import path of the process: entered for an application, and put back."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from fastfork.config import files
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from fastfork.settings import Settings


def enter(settings: Settings) -> None:
    """Go where the application runs, and take its variables. Raises ConfigError."""
    if settings.env_file is not None:
        os.environ.update(files.variables(settings.env_file))
    os.environ.update(map(files.variable, settings.env))
    if settings.chdir is not None:
        _go(settings.chdir)


class Surroundings:
    """What there is now, by open descriptor: it can be put back when its path leads elsewhere."""

    def __init__(self) -> None:
        self._fd = os.open(".", os.O_PATH | os.O_CLOEXEC)
        self._environ = dict(os.environ)
        self._path = list(sys.path)

    def restore(self) -> None:
        """Put it back."""
        os.fchdir(self._fd)
        _take(self._environ, self._path)

    def close(self) -> None:
        """Forget it."""
        os.close(self._fd)


class Start:
    """What there was when the process started, by path: a link that was moved since is followed."""

    def __init__(self) -> None:
        self._real = os.getcwd()
        shown = os.environ.get("PWD", "")
        is_here = os.path.isabs(shown) and os.path.realpath(shown) == self._real
        self._folder = shown if is_here else self._real
        self._environ = dict(os.environ)
        self._path = list(sys.path)

    def enter(self) -> None:
        """Go there again. Raises ConfigError."""
        _go(self._folder)
        here = os.getcwd()
        path = [here if entry == self._real else entry for entry in self._path]
        _take(self._environ, path)
        importlib.invalidate_caches()


def _go(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"chdir: can't enter {folder!r}: {error.strerror}") from None


def _take(environ: dict[str, str], path: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = path

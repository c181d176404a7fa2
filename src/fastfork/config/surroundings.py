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


class Surroundings:
    """What there is now, by open descriptor: it can be put back when its path leads elsewhere."""

    def __init__(self) -> None:
        self._fd = os.open(".", os.O_PATH | os.O_CLOEXEC)
        self._environ = dict(os.environ)
        self._path = list(sys.path)

    def restore(self) -> None:
        """Put it back."""
        os.fchdir(self._fd)
        os.environ.clear()
        os.environ.update(self._environ)
        sys.path[:] = self._path

    def close(self) -> None:
        """Forget it."""
        os.close(self._fd)


class Start:
    """Where the process started, by path: a link that was moved since is followed."""

    def __init__(self) -> None:
        self._real = os.getcwd()
        shown = os.environ.get("PWD", "")
        is_here = os.path.isabs(shown) and os.path.realpath(shown) == self._real
        self.folder: str = shown if is_here else self._real
        self._path = list(sys.path)
        self._covered: dict[str, str | None] = {}
        """What variables were before settings changed them; None: not there."""

    def enter(self, settings: Settings) -> None:
        """Go where the application runs, and take its variables. Raises ConfigError."""
        if settings.env_file is not None:
            self._set(files.variables(settings.env_file))
        self._set(dict(map(files.variable, settings.env)))
        if settings.chdir is not None:
            _go(settings.chdir)

    def enter_again(self) -> None:
        """Go back to the start, without the variables of any settings. Raises ConfigError."""
        _go(self.folder)
        # One by one: what the master has taken out of the environment stays out.
        for name, value in self._covered.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        here = os.getcwd()
        sys.path[:] = [here if entry == self._real else entry for entry in self._path]
        importlib.invalidate_caches()

    def _set(self, variables: dict[str, str]) -> None:
        for name, value in variables.items():
            self._covered.setdefault(name, os.environ.get(name))
            os.environ[name] = value


def _go(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"chdir: can't enter {folder!r}: {error.strerror}") from None

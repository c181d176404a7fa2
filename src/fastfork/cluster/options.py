"""What `setup_primary` can say: what the next workers run, and how they serve."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fastfork.config.sources import resolve
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastfork.settings import Settings

RR = "round-robin"

_OF_PROGRAM = ("exec", "args", "cwd")

# These are about a server that nobody else starts, or about its command line.
_NOT_HERE = frozenset(
    {"app", "bind", "workers", "bus", "pid", "name", "chdir", "env", "env_file", "admin"}
)


@dataclass(frozen=True)
class Options:
    """Settings of a cluster; they hold for workers that are forked from now on."""

    exec: str | Callable[[], object] | None = None
    """What workers run: a function, or the path of a program; None: this program, from its beginning."""
    args: tuple[str, ...] | None = None
    """Their sys.argv[1:]; None: as ours."""
    cwd: str | None = None
    """The directory they work in; None: as ours."""
    serving: Mapping[str, Any] = field(default_factory=dict)
    """Settings of `fastfork serve`, for those that call `serve`."""

    def with_more(self, settings: Mapping[str, Any]) -> Options:
        """Return these with *settings*. Raises ConfigError for what is no setting."""
        own = {name: settings[name] for name in _OF_PROGRAM if name in settings}
        if own.get("args") is not None:
            own["args"] = tuple(map(str, own["args"]))
        more = {name: value for name, value in settings.items() if name not in _OF_PROGRAM}
        if wrong := _NOT_HERE & more.keys():
            raise ConfigError(f"a cluster has no setting {min(wrong)!r}: {_INSTEAD}")
        made = replace(self, **own, serving={**self.serving, **more})
        made.settings(dispatch=RR)
        return made

    def settings(self, *, dispatch: str) -> Settings:
        """Return the settings of `fastfork serve` that workers have. Raises ConfigError."""
        given = {"dispatch": dispatch, **self.serving, "app": self.name}
        found = resolve(given, os.environ)
        if found.dispatch == "shared":
            raise ConfigError(
                'a cluster deals connections itself: scheduling_policy is "round-robin",'
                ' "least-loaded" or "ip-hash"'
            )
        return found

    @property
    def name(self) -> str:
        """What it is called in logs."""
        if callable(self.exec):
            return getattr(self.exec, "__qualname__", "cluster")
        return os.path.basename(self.exec or main_path() or "cluster")


_INSTEAD = (
    "serve(handler, address) says what is served where, fork() how many workers there are,"
    " and fork(env) what they find in their environment"
)


def main_path() -> str | None:
    """Return the path of the program that runs, if it is a file."""
    path: str | None = getattr(sys.modules.get("__main__"), "__file__", None)
    return path


def main_module() -> str | None:
    """Return the name of the module that runs as `python -m NAME`, if it does."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name: str | None = getattr(spec, "name", None)
    return name

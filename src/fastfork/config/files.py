"""Files of settings: fastfork.toml, [tool.fastfork] in pyproject.toml, and gunicorn.conf.py."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fastfork.config.gunicorn import translate
from fastfork.config.legacy import NAMES
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OURS, PROJECT, GUNICORNS = "fastfork.toml", "pyproject.toml", "gunicorn.conf.py"


class File(NamedTuple):
    """What a file of settings says."""

    path: str
    values: Mapping[str, Any]
    notes: Sequence[str]
    """For the log: what was read, and what of it means nothing here."""
    hooks: Mapping[str, Callable[..., object]] = {}
    """Functions of a gunicorn.conf.py that we run (`legacy.NAMES`)."""


def read(path: str | None) -> File | None:
    """Return what the file at *path* says, else the one that lies here; None without one.

    Raises ConfigError.
    """
    if path is not None:
        return _python(path) if path.endswith(".py") else _toml(path)
    if Path(OURS).exists():
        return _toml(OURS)
    if Path(PROJECT).exists() and (found := _toml(PROJECT)).values:
        return found
    return _python(GUNICORNS) if Path(GUNICORNS).exists() else None


def variables(path: str) -> dict[str, str]:
    """Return the variables of a file of KEY=VALUE lines. Raises ConfigError."""
    found = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key, value = variable(line.strip().removeprefix("export "))
            found[key] = "".join(shlex.split(value)) if value[:1] in {'"', "'"} else value
        except (ConfigError, ValueError):
            raise ConfigError(f"{path}, line {number}: {line!r} is not KEY=VALUE") from None
    return found


def variable(text: str) -> tuple[str, str]:
    """Return key and value of a text like KEY=VALUE. Raises ConfigError."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip() or "\0" in text:
        raise ConfigError(f"env: {text!r} is not KEY=VALUE")
    return key.strip(), value.strip()


def _toml(path: str) -> File:
    import tomllib

    try:
        found = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if Path(path).name == PROJECT:
        found = found.get("tool", {}).get("fastfork", {})
    return File(path, found, [f"settings from {path}"])


def _python(path: str) -> File:
    names: dict[str, Any] = {"__file__": str(Path(path).absolute()), "__name__": "__config__"}
    code = _text(path)
    try:
        exec(compile(code, path, "exec"), names)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path} failed: {type(error).__name__}: {error}") from error
    values, notes = translate(names, path=path)
    hooks = {name: names[name] for name in NAMES if callable(names.get(name))}
    return File(path, values, [f"settings from {path}", *notes], hooks)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"can't read {path}: {told}") from None

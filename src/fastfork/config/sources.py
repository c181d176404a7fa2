"""Settings from their sources: defaults, then a file, then the environment, then the command line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from fastfork.config.allowed import allowed
from fastfork.errors import ConfigError
from fastfork.settings import Setting, Settings, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PREFIX = "FASTFORK_"


class Found(NamedTuple):
    """A value, and who says so."""

    value: Any
    said_by: str
    """As an error begins."""
    origin: str


class Config(NamedTuple):
    """Checked settings."""

    settings: Settings
    origins: Mapping[str, str]
    """Where each value that is no default came from."""


def combine(sources: Sequence[Mapping[str, Found]], *, needs_app: bool = True) -> Config:
    """Return the checked settings; a later source goes before an earlier one. Raises ConfigError.

    An application that nobody names is an error, or the empty name if none is needed.
    """
    found: dict[str, Found] = {}
    for source in sources:
        found.update(source)
    values = {row.name: _checked(row, found[row.name]) for row in table() if row.name in found}
    if values.setdefault("app", "") == "" and needs_app:
        raise ConfigError(
            "no application given; name it as in: fastfork serve mysite.wsgi:application"
        )
    settings = msgspec.convert(values, Settings, strict=False)
    return Config(settings, {name: one.origin for name, one in found.items()})


def resolve(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the checked settings: what was *given*, else what *environ* says, else the defaults.

    Raises ConfigError with one line that says what was given and what is allowed.
    """
    return combine([of_environment(environ), of_arguments(given, origin="argument")]).settings


def of_arguments(given: Mapping[str, Any], *, origin: str) -> dict[str, Found]:
    """Return what was *given* by name; None and nothing at all count as not given."""
    return {
        known(name): Found(value, name, origin)
        for name, value in given.items()
        if known(name) and value is not None and value != ()
    }


def of_file(values: Mapping[str, Any], *, path: str) -> dict[str, Found]:
    """Return what a file says; names may be written with dashes, as on the command line."""
    found = {}
    for written, value in values.items():
        name = known(written.replace("-", "_"), where=f" in {path}")
        found[name] = Found(value, f"{path}: {written}", path)
    return found


def of_environment(environ: Mapping[str, str]) -> dict[str, Found]:
    """Return what variables say: `FASTFORK_WORKERS` before `WEB_CONCURRENCY`; empty ones count as unset."""
    found = {}
    for row in table():
        own = PREFIX + row.name.upper()
        variable, template = (own, "{}") if environ.get(own) else row.env or ("", "")
        if text := environ.get(variable):
            value: Any = template.format(text)
            if row.is_repeatable:
                value = [one.strip() for one in value.split(",")]
            origin = f"environment variable {variable}"
            found[row.name] = Found(value, origin, origin)
    _refuse_misspelt(environ)
    return found


def known(name: str, *, where: str = "") -> str:
    """Return *name* if it is a setting; raise ConfigError with the nearest ones otherwise."""
    names = [row.name for row in table()]
    if name in names:
        return name
    raise ConfigError(f"unknown setting {name!r}{where}; {_offer(name, names)}")


def _offer(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=2)
    return f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(names)}"


def _refuse_misspelt(environ: Iterable[str]) -> None:
    # A variable that is like none of ours may be somebody else's: Kubernetes makes FASTFORK_SERVICE_HOST.
    names = [PREFIX + row.name.upper() for row in table()]
    for variable in environ:
        if not variable.startswith(PREFIX) or variable in names:
            continue
        if close := get_close_matches(variable, names, n=1, cutoff=0.9):
            raise ConfigError(f"unknown variable {variable}; did you mean {close[0]}?")


def _checked(row: Setting, one: Found) -> Any:
    is_one_text = row.is_repeatable and isinstance(one.value, str)
    value = (one.value,) if is_one_text else one.value
    try:
        msgspec.convert({"app": "", row.name: value}, Settings, strict=False)
    except msgspec.ValidationError:
        shown = f"{one.said_by}: {one.value!r} can't be used"
        raise ConfigError(f"{shown}; allowed is {allowed(row.type)}") from None
    return value

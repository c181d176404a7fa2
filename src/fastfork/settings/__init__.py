"""The one table of settings: command line, files, environment and `fastfork.run` are read from it.

A setting is one field. Its `Meta` holds the help text, the limits, and in `extra` what the command line
needs beyond the name: `flags` (default: the name with dashes), `metavar`, `env` (variable and template).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from fastfork.settings.operating import ACCESS_LOG_FORMAT, Settings

__all__ = ["ACCESS_LOG_FORMAT", "Setting", "Settings", "plain", "table"]


class Setting(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    type: Any
    default: Any
    description: str
    flags: tuple[str, ...]
    metavar: str
    env: tuple[str, str] | None

    @property
    def is_switch(self) -> bool:
        """Whether the setting is on or off."""
        return any(isinstance(one, msgspec.inspect.BoolType) for one in self._kinds)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it may be, if there are such."""
        kinds = (one for one in self._kinds if isinstance(one, msgspec.inspect.LiteralType))
        return tuple(str(word) for one in kinds for word in one.values)

    @property
    def _kinds(self) -> tuple[Any, ...]:
        kind = plain(self.type)
        return kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)

    @property
    def is_repeatable(self) -> bool:
        """Whether the setting takes several values."""
        return isinstance(plain(self.type), msgspec.inspect.VarTupleType)


@cache
def table() -> tuple[Setting, ...]:
    """Return every setting, in the order of the class."""
    info = msgspec.inspect.type_info(Settings)
    assert isinstance(info, msgspec.inspect.StructType)
    return tuple(_row(field) for field in info.fields)


def _row(field: msgspec.inspect.Field) -> Setting:
    meta = field.type
    assert isinstance(meta, msgspec.inspect.Metadata)
    extra = meta.extra or {}
    return Setting(
        name=field.encode_name,
        type=meta.type,
        default=field.default,
        description=(meta.extra_json_schema or {})["description"],
        flags=extra.get("flags", ("--" + field.encode_name.replace("_", "-"),)),
        metavar=extra.get("metavar", _metavar(meta.type)),
        env=extra.get("env"),
    )


def plain(kind: Any) -> Any:
    """Return *kind* without its limits."""
    return kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind


def _metavar(kind: Any) -> str:
    return "SECONDS" if isinstance(kind, msgspec.inspect.FloatType) else "N"

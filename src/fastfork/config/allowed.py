"""What a setting takes, in words, from its type."""

from __future__ import annotations

from typing import Any

import msgspec

from fastfork.settings import plain


def allowed(kind: Any) -> str:
    """Return what a setting of this type takes."""
    *most, last = _choices(kind)
    return f"{', '.join(most)} or {last}" if most else last


def _choices(kind: Any) -> list[str]:
    kind = plain(kind)
    if isinstance(kind, msgspec.inspect.UnionType):
        return [choice for one in kind.types for choice in _choices(one)]
    if isinstance(kind, msgspec.inspect.LiteralType):
        return [str(value) for value in kind.values]
    if isinstance(kind, msgspec.inspect.IntType):
        return [f"a whole number {_range(kind)}"]
    if isinstance(kind, msgspec.inspect.FloatType):
        return [f"a number {_range(kind)}"]
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return ["a text", "a list of texts"]
    if isinstance(kind, msgspec.inspect.StrType) and kind.pattern is not None:
        return [f"a text of the form {kind.pattern}"]
    if isinstance(kind, msgspec.inspect.BoolType):
        return ["true", "false"]
    return [] if isinstance(kind, msgspec.inspect.NoneType) else ["a text"]


def _range(kind: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    low = f"above {kind.gt:g}" if kind.gt is not None else f"from {kind.ge}"
    return f"{low} to {kind.le:.0f}"

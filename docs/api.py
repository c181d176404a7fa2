"""The reference of what applications may import, from the docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastfork
from fastfork import bus, cluster, errors, hooks
from fastfork.cluster.events import Emitter
from fastfork.control import client

if TYPE_CHECKING:
    from types import ModuleType

STUBS = Path(fastfork.__file__).parent / "_native"

HEAD = """\
# API

What an application may import. All of it is typed (`py.typed`); what is not here may change at any time.
"""

LEFT_OUT = {"Options", "settings"}
"""Of a cluster: what one looks up in `setup_primary`."""

# What the section of a module begins with, and what it lists; an entry's name is what one writes.
SECTIONS: list[tuple[str, ModuleType | None, list[str]]] = [
    ("fastfork", None, ["run", "worker_slot", "share", "socket_handler"]),
    ("Hooks", hooks, []),
    ("Counters and limits", None, ["Counter", "Gauge", "RateLimit"]),
    (
        "fastfork.bus",
        bus,
        ["publish", "send", "subscribe", "request", "arequest", "responder", "leader"],
    ),
    ("fastfork.cluster", cluster, [name for name in cluster.__all__ if name not in LEFT_OUT]),
    ("fastfork.control", None, ["Client", "servers"]),
    ("Errors", errors, []),
]

NATIVE = {"Counter": "Counter", "Gauge": "Gauge", "RateLimit": "Limit"}
"""Classes whose methods are described in a stub, as they are compiled."""


def page() -> str:
    """Return the page of the API."""
    return HEAD + "".join(_section(title, module, names) for title, module, names in SECTIONS)


def _section(title: str, module: ModuleType | None, names: list[str]) -> str:
    home: Any = {"fastfork.bus": bus, "fastfork.cluster": cluster, "fastfork.control": client}.get(
        title, fastfork
    )
    parts = [f"\n## {title}\n"]
    if module is not None:
        parts.append(_text(module.__doc__))
    parts += [_entry(home, name) for name in names]
    return "\n".join(parts)


def _entry(home: Any, name: str) -> str:
    thing = getattr(home, name)
    if inspect.isclass(thing):
        return _class(name, thing)
    if not callable(thing):
        told = _variables(inspect.getsource(home)).get(name, "")
        return f"### `{name}`\n\n{_text(told)}"
    shown = f"{name}{_signature(thing)}"
    return f"### `{shown}`\n\n{_text(inspect.getdoc(thing))}"


def _class(name: str, kind: type) -> str:
    # Who makes the others is the library.
    made = _signature(kind.__init__) if name in {*NATIVE, "Client"} else ""  # type: ignore[misc]
    parts = [f"### class `{name}{made}`\n\n{_text(kind.__doc__)}"]
    for shown, told in _members(name, kind):
        parts.append(f"`{shown}`\n: {_indented(told)}\n")
    return "\n".join(parts)


def _members(name: str, kind: type) -> list[tuple[str, str]]:
    found = []
    if name in NATIVE:
        tree = ast.parse((STUBS / "cells.pyi").read_text())
        (stub,) = (
            one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == NATIVE[name]
        )
        for one in stub.body:
            if isinstance(one, ast.FunctionDef) and one.name != "__init__":
                shown = one.name if one.decorator_list else f"{one.name}({_arguments(one)})"
                found.append((shown, ast.get_docstring(one) or ""))
    for base in (kind, *(base for base in kind.__mro__ if base is Emitter)):
        for key, value in vars(base).items():
            told = inspect.getdoc(value) or ""
            is_inside = key in {"emit", "hears"} or "For the cluster." in told
            if not key.startswith("_") and inspect.isfunction(value) and not is_inside:
                found.append((f"{key}{_signature(value)}", told))
    found += list(_attributes(kind).items())
    return found


def _attributes(kind: type) -> dict[str, str]:
    """Return the documented attributes that a class's body, or its __init__, assigns."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except OSError:
        return {}
    assert isinstance(tree, ast.ClassDef)
    found = _described(tree.body)
    for one in tree.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            found |= _described(one.body)
    return {name: told for name, told in found.items() if "For the cluster." not in told}


def _variables(source: str) -> dict[str, str]:
    return _described(ast.parse(source).body)


def _described(body: list[ast.stmt]) -> dict[str, str]:
    """Return the strings that stand below assignments, by the name that is assigned."""
    found = {}
    for one, after in pairwise(body):
        target: ast.expr | None = one.target if isinstance(one, ast.AnnAssign) else None
        if isinstance(one, ast.Assign):
            target = one.targets[0]
        if target is None or not isinstance(after, ast.Expr):
            continue
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[ast.unparse(target).removeprefix("self.")] = after.value.value
    return found


def _arguments(function: ast.FunctionDef) -> str:
    arguments = function.args
    for some in (arguments.posonlyargs, arguments.args):
        some[:] = [one for one in some if one.arg != "self"]
    return ast.unparse(arguments).removesuffix(", /")


class _Plain(str):
    """An annotation as it is written; by the __future__ import all of them are strings."""

    __slots__ = ()
    __repr__ = str.__str__


def _signature(thing: Any) -> str:
    signature = inspect.signature(thing)
    kept = [
        one.replace(annotation=_Plain(one.annotation)) if one.annotation is not one.empty else one
        for one in signature.parameters.values()
        if one.name != "self"
    ]
    back = signature.return_annotation
    back = _Plain(back) if isinstance(back, str) and back != "None" else signature.empty
    return str(inspect.Signature(kept, return_annotation=back))


def _text(docstring: str | None) -> str:
    """Return a docstring as Markdown: what is shown of a session becomes a block."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r"((?:^(?:>>> |True$).*\n?)+)", r"```pycon\n\1\n```\n", text, flags=re.MULTILINE)
    return text.replace("\n\n```\n", "\n```\n").replace("\n\n\n", "\n\n").rstrip() + "\n"


def _indented(text: str) -> str:
    return _text(text).strip().replace("\n", "\n  ")

"""What the documentation says of settings, from the table that the server itself reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fastfork.config import gunicorn
from fastfork.config.legacy import NAMES
from fastfork.settings import Setting, table
from fastfork.settings.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SAME = [
    "access_log_format",
    "backlog",
    "bind",
    "capture_output",
    "chdir",
    "control_socket",
    "forwarded_allow_ips",
    "graceful_timeout",
    "group",
    "header_map",
    "limit_request_field_size",
    "limit_request_fields",
    "limit_request_line",
    "max_requests",
    "max_requests_jitter",
    "proxy_allow_ips",
    "proxy_protocol",
    "reload",
    "root_path",
    "threads",
    "timeout",
    "umask",
    "user",
    "worker_connections",
    "workers",
]
"""What is called the same, and means the same, in both."""


def reference() -> str:
    """Return a section for each setting, with everything that is known of it."""
    first = {field.name for field in msgspec.structs.fields(Serving)}
    rows = table()
    serving = [row for row in rows if row.name in first]
    operating = [row for row in rows if row.name not in first]
    parts = ["\n## What is served, and how\n\n", *_sections(serving)]
    return "".join([*parts, "## How it is operated\n\n", *_sections(operating)])


def gunicorn_names() -> str:
    """Return what becomes of the settings in a gunicorn.conf.py."""
    assert set(SAME) <= {row.name for row in table()}
    renamed = [f"`{theirs}` is `{mine}`" for theirs, mine in gunicorn.RENAMED.items()]
    rows = [
        ("taken under another name", ", ".join(renamed)),
        ("taken as they are", _names(SAME)),
        ("hooks that are run", _names(sorted(NAMES))),
        ("left out, with a line in the log", _names(sorted(gunicorn.IGNORED))),
        ("refused", _names(sorted(gunicorn.INSTEAD)) + ": TLS ends in the proxy"),
    ]
    return "".join(
        ["| in gunicorn.conf.py | |\n|---|---|\n", *(f"| {a} | {b} |\n" for a, b in rows)]
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sections(rows: Iterable[Setting]) -> Iterator[str]:
    for row in rows:
        yield f"### {row.name}\n\n{_first(_told(row))}.\n\n"
        facts = [f"`{flag}`" for flag in _flags(row)]
        if row.name == "app":
            facts = ["the argument of `fastfork serve`"]
        facts.append(f"`FASTFORK_{row.name.upper()}`")
        if limits := _limits(row.type):
            facts.append(limits)
        facts.append(f"default {_default(row)}" if _default(row) else "no default")
        yield " · ".join(facts) + "\n\n"


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _limits(kind: Any) -> str:
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.UnionType):
        found = [_limits(one) for one in kind.types]
        return next((one for one in found if one), "")
    least, most = getattr(kind, "ge", None), getattr(kind, "le", None)
    if least is not None and most is not None:
        return f"{least:g} to {most:g}" if most < 1e6 else f"at least {least:g}"
    return f"at least {least:g}" if least is not None else ""


def _flags(setting: Setting) -> list[str]:
    *others, last = setting.flags
    if not setting.is_switch:
        last = f"{last} {setting.metavar}"
    elif not last.startswith("--no-"):
        last = last.replace("--", "--[no-]")
    return [*others, last]


def _told(setting: Setting) -> str:
    told = setting.description
    if setting.env is not None:
        variable, template = setting.env
        target = f", as `{template.format('$' + variable)}`" if template != "{}" else ""
        told += f" (environment: `{variable}`{target})"
    return told


def _default(setting: Setting) -> str:
    values = setting.default if setting.is_repeatable else [setting.default]
    if values is msgspec.NODEFAULT or values == [msgspec.NODEFAULT]:
        return ""
    return ", ".join(
        f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
        for value in values
        if value is not None
    )

"""An application that knows who it was while it was imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

_umask = os.umask(0)
os.umask(_umask)
WHO = f"{os.getresuid()} {os.getresgid()} {sorted(os.getgroups())} {_umask:03o}"
SAID = os.environ.get("SAID", "")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Say it."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{WHO}\n{SAID}".encode()]

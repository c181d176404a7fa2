"""fastfork: serve a Python web application from every core, and lose no request when a worker dies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastfork._version import __version__
from fastfork.errors import (
    AppError,
    AppImportError,
    AppNotFound,
    BindError,
    ConfigError,
    FastforkError,
    StartError,
)
from fastfork.slot import worker_slot

if TYPE_CHECKING:
    from fastfork.server import run

__all__ = [
    "AppError",
    "AppImportError",
    "AppNotFound",
    "BindError",
    "ConfigError",
    "FastforkError",
    "StartError",
    "__version__",
    "run",
    "worker_slot",
]


def __getattr__(name: str) -> Any:
    """Import `run` when it is first used: an application that imports fastfork pays nothing for it."""
    if name == "run":
        from fastfork.server import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

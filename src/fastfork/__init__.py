"""fastfork: serve a Python web application from every core, and lose no request when a worker dies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastfork._version import __version__
from fastfork.errors import (
    AppError,
    AppImportError,
    AppNotFound,
    BindError,
    BusError,
    BusFailed,
    BusFull,
    BusTimeout,
    BusUnavailable,
    ConfigError,
    CounterError,
    FastforkError,
    StartError,
)
from fastfork.slot import share, worker_slot

if TYPE_CHECKING:
    from fastfork.bus import leader
    from fastfork.counters import Counter, Gauge, RateLimit
    from fastfork.hooks import on_exit, on_ready, on_reload, on_worker_start, on_worker_stop
    from fastfork.interface import socket_handler
    from fastfork.server import run

__all__ = [
    "AppError",
    "AppImportError",
    "AppNotFound",
    "BindError",
    "BusError",
    "BusFailed",
    "BusFull",
    "BusTimeout",
    "BusUnavailable",
    "ConfigError",
    "Counter",
    "CounterError",
    "FastforkError",
    "Gauge",
    "RateLimit",
    "StartError",
    "__version__",
    "leader",
    "on_exit",
    "on_ready",
    "on_reload",
    "on_worker_start",
    "on_worker_stop",
    "run",
    "share",
    "socket_handler",
    "worker_slot",
]


_LATE = {
    "Counter": "fastfork.counters",
    "Gauge": "fastfork.counters",
    "RateLimit": "fastfork.counters",
    "leader": "fastfork.bus",
    "run": "fastfork.server",
    "socket_handler": "fastfork.interface",
    **dict.fromkeys(
        ("on_exit", "on_ready", "on_reload", "on_worker_start", "on_worker_stop"), "fastfork.hooks"
    ),
}


def __getattr__(name: str) -> Any:
    """Import what is first used: an application that imports fastfork pays nothing for the rest."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LATE[name]), name)
    return value

"""An application that writes down what it is called for, in the file HOOKS; FAIL names a hook that fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import fastfork


def note(what: str) -> Callable[[int], None]:
    """Return a hook that writes *what* down, unless it is to fail."""

    def hook(slot: int) -> None:
        if os.environ.get("FAIL") == what:
            raise RuntimeError(f"{what} was told to fail")
        with open(os.environ["HOOKS"], "a") as notes:
            notes.write(f"{os.getpid()} {what} {slot} {fastfork.share(3)}\n")

    return hook


for _name in ("on_exit", "on_worker_stop", "on_ready", "on_reload", "on_worker_start"):
    getattr(fastfork, _name)(note(_name))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Write it down too."""
    note("request")(fastfork.worker_slot() or 0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"noted"]

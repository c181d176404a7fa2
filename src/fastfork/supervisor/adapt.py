"""How the master deals, once a worker has said what kind of handler it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastfork.interface import ON_A_LOOP, RAW
from fastfork.supervisor.listeners import wait_for_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.settings import Settings


def policy_of(dispatch: str, interface: str) -> str:
    """Return the policy that *dispatch*, as in `--dispatch`, means for an *interface*.

    A thread has one request at a time, so turns are fair; a loop has many, so the least loaded is next.
    """
    if dispatch != "auto":
        return dispatch
    return "least-loaded" if interface in ON_A_LOOP else "round-robin"


def adapt(
    dispatcher: Dispatcher, settings: Settings, interface: str, *, listeners: Iterable[int] = ()
) -> None:
    """Let *dispatcher* deal to workers that serve *interface* what comes to *listeners*, if they are open."""
    for fd in listeners:
        if fd >= 0:  # a worker may still come up when the server has begun to stop
            wait_for_data(fd, interface not in RAW)
    dispatcher.adapt(
        dispatch=policy_of(settings.dispatch, interface),
        at_once=settings.worker_connections if interface in ON_A_LOOP else 0,
    )

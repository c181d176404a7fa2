"""How the master deals, once a worker has said what kind of handler it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastfork.interface import ON_A_LOOP

if TYPE_CHECKING:
    from fastfork._native.dispatcher import Dispatcher
    from fastfork.settings import Settings


def policy_of(dispatch: str, interface: str) -> str:
    """Return the policy that *dispatch*, as in `--dispatch`, means for an *interface*.

    A thread has one request at a time, so turns are fair; a loop has many, so the least loaded is next.
    """
    if dispatch != "auto":
        return dispatch
    return "least-loaded" if interface in ON_A_LOOP else "round-robin"


def adapt(dispatcher: Dispatcher, settings: Settings, interface: str) -> None:
    """Let *dispatcher* deal to workers that serve *interface*."""
    dispatcher.adapt(
        dispatch=policy_of(settings.dispatch, interface),
        at_once=settings.worker_connections if interface in ON_A_LOOP else 0,
    )

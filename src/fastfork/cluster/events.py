"""Events with names, and the functions that want to hear of them. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from fastfork.errors import ClusterStopping

if TYPE_CHECKING:
    from collections.abc import Callable

    F = TypeVar("F", bound=Callable[..., Any])


class Listen(Protocol):
    """`Emitter.on` and `Emitter.once`, as functions."""

    @overload
    def __call__(self, event: str) -> Callable[[F], F]: ...
    @overload
    def __call__(self, event: str, handler: F) -> F: ...


class Emitter:
    """Calls what was given to `on`, in order; what that raises goes to sys.excepthook, but for SystemExit."""

    def __init__(self, *events: str) -> None:
        """There are these *events*, and no others."""
        self._handlers: dict[str, list[tuple[Callable[..., Any], bool]]] = {
            name: [] for name in events
        }

    @overload
    def on(self, event: str) -> Callable[[F], F]: ...
    @overload
    def on(self, event: str, handler: F) -> F: ...
    def on(self, event: str, handler: F | None = None) -> Any:
        """Call *handler* at each *event*; without a handler, a decorator. Raises ValueError for no event."""
        return self._add(event, handler, is_once=False)

    @overload
    def once(self, event: str) -> Callable[[F], F]: ...
    @overload
    def once(self, event: str, handler: F) -> F: ...
    def once(self, event: str, handler: F | None = None) -> Any:
        """As `on`, but for the next one only."""
        return self._add(event, handler, is_once=True)

    def off(self, event: str, handler: Callable[..., Any]) -> None:
        """Call *handler* no more."""
        handlers = self._known(event)
        handlers[:] = [one for one in handlers if one[0] is not handler]

    def hears(self, event: str) -> bool:
        """Whether somebody wants to hear of *event*."""
        return bool(self._known(event))

    def emit(self, event: str, *arguments: Any) -> None:
        """Call the handlers of *event*."""
        handlers = self._known(event)
        called = list(handlers)
        handlers[:] = [one for one in handlers if not one[1]]
        for handler, _ in called:
            try:
                handler(*arguments)
            except ClusterStopping:
                pass  # who forks anew at each end need not ask whether it is the last one
            except Exception:
                sys.excepthook(*sys.exc_info())

    def _add(self, event: str, handler: F | None, *, is_once: bool) -> Any:
        handlers = self._known(event)

        def add(handler: F) -> F:
            handlers.append((handler, is_once))
            self._added(event)
            return handler

        return add if handler is None else add(handler)

    def _added(self, event: str) -> None:
        """Do something when a handler of *event* was added; nothing here."""

    def _known(self, event: str) -> list[tuple[Callable[..., Any], bool]]:
        if event not in self._handlers:
            raise ValueError(f"there is no event {event!r}, only: {', '.join(self._handlers)}")
        return self._handlers[event]

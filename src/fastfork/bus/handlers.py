"""Who wants to hear what: the tables behind `subscribe` and `responder`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[str, Any, int | str], Any]
    Responder = Callable[[Any], Any]

_CACHED = 4096


class Handlers:
    """The functions of one process that messages are given to."""

    def __init__(self) -> None:
        self.patterns: list[tuple[str, Handler]] = []
        self.responders: dict[str, Responder] = {}
        self.found: dict[str, tuple[Handler, ...]] = {}
        """What `find` has found before."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.patterns or self.responders)

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Give *handler* what is published or sent under *pattern*."""
        self.patterns.append((pattern, handler))
        self.found.clear()

    def find(self, topic: str) -> tuple[Handler, ...]:
        """Return the handlers of *topic*, in the order in which they subscribed."""
        found = self.found.get(topic)
        if found is None:
            found = tuple(handler for pattern, handler in self.patterns if matches(pattern, topic))
            if len(self.found) < _CACHED:
                self.found[topic] = found
        return found


def matches(pattern: str, topic: str) -> bool:
    """Whether *topic* is *pattern*, or begins as a pattern with * at its end does."""
    if pattern.endswith("*"):
        return topic.startswith(pattern[:-1])
    return topic == pattern

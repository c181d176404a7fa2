"""The bus outside a server, and who gets which topic."""

from __future__ import annotations

from typing import Any

import pytest

from fastfork import BusUnavailable, bus
from fastfork.bus.handlers import Handlers, matches


def test_outside_a_server_publish_and_send_do_nothing() -> None:
    bus.publish("topic", {"a": 1})
    bus.send(0, "message")
    bus.send("master", "message")


def test_outside_a_server_a_request_is_refused() -> None:
    with pytest.raises(BusUnavailable, match="outside a fastfork server"):
        bus.request("anything")


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("cache.drop", "cache.drop", True),
        ("cache.drop", "cache.dropped", False),
        ("cache.*", "cache.drop", True),
        ("cache.*", "cache.", True),
        ("cache.*", "cache", False),
        ("*", "", True),
        ("c*e", "cache", False),
    ],
)
def test_pattern_is_a_topic_or_the_beginning_of_some(pattern: str, topic: str, fits: bool) -> None:
    assert matches(pattern, topic) is fits


def test_handlers_are_found_in_the_order_of_their_subscriptions() -> None:
    handlers = Handlers()

    def first(topic: str, message: Any, sender: int | str) -> None: ...
    def second(topic: str, message: Any, sender: int | str) -> None: ...

    handlers.subscribe("a.*", second)
    assert handlers.find("a.b") == (second,)
    handlers.subscribe("a.b", first)

    assert handlers.find("a.b") == (second, first)
    assert handlers.find("a.c") == (second,)

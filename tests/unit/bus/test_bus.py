"""The bus outside a server, and who gets which topic."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fastfork import BusUnavailable, bus
from fastfork._native.bus import packed
from fastfork.bus.handlers import Handlers, matches


def test_outside_a_server_publish_and_send_do_nothing() -> None:
    bus.publish("topic", {"a": 1})
    bus.send(0, "message")
    bus.send("master", "message")


def test_outside_a_server_a_request_is_refused() -> None:
    with pytest.raises(BusUnavailable, match="outside a fastfork server"):
        bus.request("anything")
    with pytest.raises(BusUnavailable, match="outside a fastfork server"):
        asyncio.run(bus.arequest("anything"))


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


@dataclass
class Point:
    """Something of the application's."""

    x: int


class Row(msgspec.Struct):
    """Likewise."""

    key: str


@pytest.mark.parametrize(
    ("message", "arrives"),
    [
        ({"a": [1, 2.5, None, True]}, {"a": [1, 2.5, None, True]}),
        ({"in": b"octets"}, {"in": b"octets"}),
        (datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)),
        (Point(3), {"x": 3}),
        (Row("k"), {"key": "k"}),
    ],
)
def test_message_arrives_as_what_msgpack_makes_of_it(message: Any, arrives: Any) -> None:
    flags, octets = packed(message)

    assert flags == 0
    assert msgspec.msgpack.decode(octets) == arrives


@pytest.mark.parametrize("octets", [b"raw", bytearray(b"raw"), memoryview(b"raw")])
def test_octets_pass_as_they_are(octets: Any) -> None:
    assert packed(octets) == (1, b"raw")


def test_what_msgpack_can_not_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        packed(object())

"""What goes across between two servers, without pipes and without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from fastfork._native.bus import Inbox
from fastfork.bus.bridge import GAP, Bridge
from fastfork.bus.elsewhere import SILENCE
from fastfork.bus.endpoint import FAIL, PUBLISH, REPLY, REQUEST, RESPOND, Failure
from fastfork.bus.parcels import MESSAGE_MAX, Answer, Ask, News, Parcel, Said, packed, unpacked

if TYPE_CHECKING:
    from fastfork._native.bus import Message


class Place:
    """A bridge, with what it has said to its hub; it has `full` pipes on demand."""

    def __init__(self, name: str, line: Line, *, is_late: bool = False) -> None:
        self.name = name
        self.line = line
        self.bridge = Bridge(name, hub=self._hub, broker=self._send, is_late=is_late)
        self.heard: list[Message] = []
        self.is_full = False
        self._inbox = Inbox()
        line.places[name] = self

    def take(self, kind: int, topic: str, octets: bytes = b"", number: int = 0) -> None:
        """One of the workers says something."""
        self.bridge.take([(kind, 0, 0, number, topic, octets)])

    def news(self) -> list[tuple[int, int, int, str, bytes]]:
        """Return kind, flags, id, topic and octets of what the hub was told since the last time."""
        heard, self.heard = self.heard, []
        return [(kind, flags, n, topic, octets) for kind, flags, _, n, topic, octets in heard]

    def _hub(self, frames: bytes, *, is_bulk: bool) -> bool:
        if not self.is_full:
            self.heard += self._inbox.feed(frames)
            assert is_bulk == (len(frames) > 70_000)
        return not self.is_full

    def _send(self, parcel: Parcel, *, to: str = "", id: int = 0) -> bool:  # noqa: A002
        if self.line.is_full:
            return False
        self.line.queue.append((self.name, parcel, to, id))
        return True


class Line:
    """A broker that delivers when it is told to."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.queue: list[tuple[str, Parcel, str, int]] = []
        self.is_full = False

    def run(self) -> None:
        """Deliver everything."""
        while self.queue:
            origin, parcel, to, number = self.queue.pop(0)
            parcel = unpacked(packed(parcel))
            if to and to not in self.places:
                self.places[origin].bridge.unheard(to, number)
            for place in [self.places[to]] if to in self.places else self.places.values():
                if not to or place.name == to:
                    place.bridge.receive(parcel, 0.0)

    def drop(self) -> None:
        """Lose what is under way."""
        self.queue.clear()


@pytest.fixture
def line() -> Line:
    """Give a broker and two servers that know each other."""
    line = Line()
    for name in "ab":
        Place(name, line).bridge.come_up()
    line.run()
    return line


def test_publication_goes_to_the_others_and_not_back(line: Line) -> None:
    a, b = line.places.values()

    a.take(PUBLISH, "t", b"x", number=1)
    line.run()

    assert b.news() == [(PUBLISH, 0, 0, "t", b"x")]
    assert a.news() == []
    assert (a.bridge.carried, a.bridge.lost) == (1, 0)


def test_lost_publication_is_told_with_the_next_one_or_with_the_news(line: Line) -> None:
    a, b = line.places.values()
    gap = (PUBLISH, 0, 0, GAP, msgspec.msgpack.encode({"server": "a"}))

    a.take(PUBLISH, "t", b"lost", number=1)
    line.drop()
    a.take(PUBLISH, "t", b"next", number=2)
    line.run()
    assert b.news() == [gap, (PUBLISH, 0, 0, "t", b"next")]

    a.take(PUBLISH, "t", b"lost", number=3)
    line.drop()
    a.bridge.beat(1.0)
    line.run()
    assert b.news() == [gap]


def test_publication_that_the_hub_has_dropped_is_told_too(line: Line) -> None:
    a, b = line.places.values()

    a.take(PUBLISH, "t", b"x", number=1)
    a.take(PUBLISH, "t", b"x", number=4)
    line.run()

    assert [topic for *_, topic, _ in b.news()] == ["t", GAP, "t"]
    assert a.bridge.lost == 2


@pytest.mark.parametrize("why", ["away", "full", "big"])
def test_publication_that_can_not_go_out_is_lost_and_told(line: Line, why: str) -> None:
    a, b = line.places.values()

    if why == "away":
        a.bridge.go_down("gone")
    line.is_full = why == "full"
    a.take(PUBLISH, "t", b"x" * (MESSAGE_MAX + 1) if why == "big" else b"x", number=1)
    line.is_full = False
    a.bridge.come_up()
    line.run()

    assert [topic for *_, topic, _ in b.news()] == [GAP]
    assert a.bridge.lost == 1


def test_gap_is_told_when_the_hub_has_room_again(line: Line) -> None:
    a, b = line.places.values()

    b.is_full = True
    a.take(PUBLISH, "t", b"x", number=1)
    line.run()
    b.is_full = False
    b.bridge.beat(1.0)

    assert [topic for *_, topic, _ in b.news()] == [GAP]
    assert b.bridge.lost == 1


def test_bridge_after_one_that_failed_tells_a_gap() -> None:
    place = Place("a", Line(), is_late=True)

    place.bridge.beat(0.0)
    place.bridge.beat(1.0)

    assert [topic for *_, topic, _ in place.news()] == [GAP]


def test_many_publications_go_in_parcels_that_a_broker_takes(line: Line) -> None:
    a, b = line.places.values()
    half = b"x" * (MESSAGE_MAX // 2)

    a.bridge.take([(PUBLISH, 0, 0, n, "t", half) for n in range(1, 6)])
    sizes = [len(p.messages) for _, p, *_ in line.queue if isinstance(p, Said)]
    line.run()

    assert sizes == [2, 2, 1]
    assert [topic for *_, topic, _ in b.news()] == ["t"] * 5


def test_request_is_answered_by_who_responds_elsewhere(line: Line) -> None:
    a, b = line.places.values()
    b.take(RESPOND, "sum")
    line.run()

    a.take(REQUEST, "sum", b"1", number=77)
    line.run()
    ((kind, _, number, name, octets),) = b.news()
    b.bridge.take_replies([(REPLY, 1, 0, number, "", b"2")])
    line.run()

    assert (kind, name, octets) == (REQUEST, "sum", b"1")
    assert a.news() == [(REPLY, 1, 77, "", b"2")]
    assert a.bridge.elsewhere.peers["b"].working == 0


def test_request_that_nobody_responds_to_fails_at_once(line: Line) -> None:
    a = line.places["a"]

    a.take(REQUEST, "sum", number=77)

    assert a.news() == [(FAIL, Failure.NOBODY, 77, "", b"")]


def test_request_goes_on_to_the_next_server_when_the_first_has_no_worker_for_it(line: Line) -> None:
    a, b = line.places.values()
    c = Place("c", line)
    c.bridge.come_up()
    for place in (b, c):
        place.take(RESPOND, "sum")
    line.run()

    a.take(REQUEST, "sum", number=77)
    line.run()
    first, second = (b, c) if b.heard else (c, b)
    ((_, _, number, *_),) = first.news()
    first.bridge.take_replies([(FAIL, Failure.NOBODY, 0, number, "", b"")])
    line.run()

    assert [kind for kind, *_ in second.news()] == [REQUEST]
    assert a.bridge.elsewhere.peers[first.name].names == frozenset()


def test_request_to_a_server_that_is_gone_goes_to_another_one_or_fails(line: Line) -> None:
    a, b = line.places.values()
    b.take(RESPOND, "sum")
    line.run()
    del line.places["b"]

    a.take(REQUEST, "sum", number=77)
    line.run()

    assert a.news() == [(FAIL, Failure.NOBODY, 77, "", b"")]


@pytest.mark.parametrize("end", ["bye", "silence", "broker"])
def test_request_under_way_is_lost_with_the_server_or_the_broker(line: Line, end: str) -> None:
    a, b = line.places.values()
    b.take(RESPOND, "sum")
    line.run()
    a.take(REQUEST, "sum", number=77)
    line.run()

    if end == "bye":
        b.bridge.leave()
        line.run()
    elif end == "silence":
        a.bridge.beat(SILENCE + 1)
    else:
        a.bridge.go_down("gone")

    ((kind, why, number, _, told),) = a.news()
    assert (kind, why, number) == (FAIL, Failure.LOST, 77)
    assert told


def test_request_without_a_broker_fails_with_the_reason(line: Line) -> None:
    a = line.places["a"]
    a.bridge.go_down("refused")

    a.take(REQUEST, "sum", number=77)

    assert a.news() == [(FAIL, Failure.AWAY, 77, "", b"the broker can't be reached: refused")]


def test_answer_that_is_too_big_is_told_to_who_asked(line: Line) -> None:
    a, b = line.places.values()
    b.take(RESPOND, "sum")
    line.run()
    a.take(REQUEST, "sum", number=77)
    line.run()
    ((_, _, number, *_),) = b.news()

    b.bridge.take_replies([(REPLY, 1, 0, number, "", bytes(MESSAGE_MAX + 1))])
    line.run()

    ((kind, why, *_),) = a.news()
    assert (kind, why) == (FAIL, Failure.LOST)


def test_answer_from_who_was_not_asked_is_no_answer(line: Line) -> None:
    a, b = line.places.values()
    b.take(RESPOND, "sum")
    line.run()
    a.take(REQUEST, "sum", number=77)
    asks = [parcel for _, parcel, *_ in line.queue if isinstance(parcel, Ask)]

    a.bridge.receive(Answer("evil", asks[0].id, REPLY, 0, b"forged"), 0.0)

    assert a.news() == []


@pytest.mark.parametrize("octets", [b"", b"\xc1", b"hello", packed(["news"]), packed([1, 2])])
def test_what_is_no_parcel_is_an_error(octets: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        unpacked(octets)


def test_parcels_survive_the_way() -> None:
    for parcel in (Said("a", 3, [(1, "t", b"x")]), News("a", 3, ["n"]), Ask("a", 1, "n", 0, b"")):
        assert unpacked(packed(parcel)) == parcel

"""Between the hub of one server and a broker behind which others are: what goes across. No I/O.

Publications go to all servers, once or not at all. A request goes across if nobody here responds to it, to
one server that has said it does. Everything that a server publishes has a number, also what is lost before
it goes out; a server that sees a number missing tells its own workers, under the topic GAP, that what they
keep up to date by messages may be old.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from fastfork._native.bus import PART, framed
from fastfork.bus.elsewhere import Elsewhere
from fastfork.bus.endpoint import FAIL, PUBLISH, REQUEST, RESPOND, Failure
from fastfork.bus.parcels import MESSAGE_MAX, Answer, Ask, Bye, News, Parcel, Said

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork._native.bus import Message

GAP = "fastfork.gap"


class ToHub(Protocol):
    """Writes frames to the hub; returns False if there is no room."""

    def __call__(self, frames: bytes, *, is_bulk: bool) -> bool: ...


class ToBroker(Protocol):
    """Gives a parcel to one server, or to all; returns False if there is no room."""

    def __call__(self, parcel: Parcel, *, to: str = "", id: int = 0) -> bool: ...  # noqa: A002


class _Asked(msgspec.Struct):
    """A request of ours that is on its way."""

    id: int
    """As the hub calls it."""
    name: str
    flags: int
    octets: bytes
    at: str
    """The server that was asked last."""
    tried: set[str]


class Bridge:
    """One server's side of it."""

    def __init__(self, own: str, *, hub: ToHub, broker: ToBroker, is_late: bool = False) -> None:
        """*own* is what this server is called elsewhere; *is_late*: a bridge before this one failed."""
        self.elsewhere: Elsewhere = Elsewhere()
        self.is_up: bool = False
        self.why: str = "not connected yet"
        """Why not, if it is not."""
        self.lost: int = 0
        """Messages that did not get across."""
        self.carried: int = 0
        self._own = own
        self._hub = hub
        self._broker = broker
        self._names: set[str] = set()
        self._number = 0
        self._across: int | None = None
        """The number that the hub gave to the last publication."""
        self._next = 0
        self._asked: dict[int, _Asked] = {}
        self._working: dict[int, tuple[str, int, str]] = {}
        """Requests of others: who asked, as what, and for which name."""
        self._owes_gap = is_late

    # --- the broker comes and goes

    def come_up(self) -> None:
        """The broker is there, and we hear."""
        self.is_up = True
        self._tell_news()

    def go_down(self, why: str) -> None:
        """The broker is gone; what was under way is lost."""
        self.is_up, self.why = False, why
        for number in list(self._asked):
            self._fail(number, Failure.LOST, f"the connection to the broker broke: {why}")
        self.elsewhere.peers.clear()

    def beat(self, now: float) -> None:
        """Say that we are here; called every few seconds."""
        for origin in self.elsewhere.silent(now):
            self._lose(origin, "the server that worked on it is silent")
        if self.is_up:
            self._tell_news()
        if self._owes_gap:
            self._tell_gap("")

    def leave(self) -> None:
        """Say the last word."""
        if self.is_up:
            self._broker(Bye(self._own))

    # --- from our workers

    def take(self, messages: Iterable[Message]) -> None:
        """Take what the hub passes on."""
        said: list[tuple[int, str, bytes]] = []
        for kind, flags, _, number, topic, octets in messages:
            if kind == PUBLISH:
                self._count(number)
                if len(octets) > MESSAGE_MAX:
                    self.lost += 1
                else:
                    said.append((flags, topic, octets))
            elif kind == REQUEST:
                self._ask(number, topic, flags, octets)
            elif kind == RESPOND and topic not in self._names:
                self._names.add(topic)
                self._tell_news()
        if said:
            self._say(said)

    def take_replies(self, messages: Iterable[Message]) -> None:
        """Take what our workers answer to others."""
        for kind, flags, _, number, _, octets in messages:
            if number not in self._working:
                continue
            origin, asked, name = self._working.pop(number)
            self._answer(origin, asked, kind, flags, octets)
            if kind == FAIL and flags == Failure.NOBODY and name in self._names:
                self._names.remove(name)  # all workers that had it have ended
                self._tell_news()

    # --- from other servers

    def receive(self, parcel: Parcel, now: float) -> None:
        """Take what another server says."""
        if parcel.origin == self._own:
            return
        if isinstance(parcel, Bye):
            self.elsewhere.leave(parcel.origin)
            self._lose(parcel.origin, "the server that worked on it has stopped")
            return
        is_new = parcel.origin not in self.elsewhere.peers
        peer = self.elsewhere.hear(parcel.origin, now)
        if isinstance(parcel, Said):
            self._pass_on(parcel)
        elif isinstance(parcel, News):
            peer.names = frozenset(parcel.names)
            if self.elsewhere.misses(parcel.origin, parcel.number, 0):
                self._tell_gap(parcel.origin)
        elif isinstance(parcel, Ask):
            self._take_request(parcel)
        else:
            self._take_answer(parcel)
        if is_new:
            self._tell_news()

    def unheard(self, to: str, number: int) -> None:
        """Nobody was there under the name *to*, to hear request *number* (0: an answer)."""
        self.elsewhere.peers.pop(to, None)
        if number in self._asked:
            self._try_next(number)

    # --- publications

    def _count(self, number: int) -> None:
        # What the hub had to drop, because we were slow, is missed as well.
        missed = 0 if self._across is None else (number - self._across - 1) & 0xFFFFFFFF
        self._across = number
        self.lost += missed
        self._number += 1 + missed

    def _say(self, said: list[tuple[int, str, bytes]]) -> None:
        size = 0
        parts: list[list[tuple[int, str, bytes]]] = [[]]
        for one in said:
            if size + len(one[2]) > MESSAGE_MAX:
                parts.append([])
                size = 0
            parts[-1].append(one)
            size += len(one[2])
        number = self._number - len(said)
        for part in parts:
            number += len(part)
            if self.is_up and self._broker(Said(self._own, number, part)):
                self.carried += len(part)
            else:
                self.lost += len(part)

    def _pass_on(self, said: Said) -> None:
        if self.elsewhere.misses(said.origin, said.number, len(said.messages)):
            self._tell_gap(said.origin)
        for flags, topic, octets in said.messages:
            if not self._to_hub(framed(PUBLISH, flags, topic, octets), octets):
                self.lost += 1
                self._owes_gap = True

    def _tell_gap(self, origin: str) -> None:
        told = msgspec.msgpack.encode({"server": origin})
        self._owes_gap = not self._to_hub(framed(PUBLISH, 0, GAP, told), told)

    def _tell_news(self) -> None:
        if self.is_up:
            self._broker(News(self._own, self._number, sorted(self._names)))

    # --- requests

    def _ask(self, asked: int, name: str, flags: int, octets: bytes) -> None:
        number = self._number_of_request()
        self._asked[number] = _Asked(asked, name, flags, octets, "", set())
        if not self.is_up:
            self._fail(number, Failure.AWAY, f"the broker can't be reached: {self.why}")
        elif len(octets) > MESSAGE_MAX:
            self._fail(number, Failure.AWAY, f"at most {MESSAGE_MAX} octets go there")
        else:
            self._try_next(number)

    def _number_of_request(self) -> int:
        self._next = self._next % 0xFFFFFFFF + 1
        return self._next

    def _try_next(self, number: int) -> None:
        asked = self._asked[number]
        self._release(asked)
        origin = self.elsewhere.choose(asked.name, but=asked.tried)
        if origin is None:
            self._fail(number, Failure.NOBODY, "")
            return
        asked.at = origin
        asked.tried.add(origin)
        self.elsewhere.peers[origin].working += 1
        ask = Ask(self._own, number, asked.name, asked.flags, asked.octets)
        if not self._broker(ask, to=origin, id=number):
            self._fail(number, Failure.FULL, "")

    def _take_request(self, ask: Ask) -> None:
        number = self._number_of_request()
        self._working[number] = (ask.origin, ask.id, ask.name)
        if not self._to_hub(framed(REQUEST, ask.flags, ask.name, ask.octets, number), ask.octets):
            del self._working[number]
            self._answer(ask.origin, ask.id, FAIL, Failure.FULL, b"")

    def _take_answer(self, answer: Answer) -> None:
        asked = self._asked.get(answer.id)
        if asked is None or asked.at != answer.origin:
            return
        if answer.kind == FAIL and answer.flags == Failure.NOBODY:
            self._try_next(answer.id)
            return
        del self._asked[answer.id]
        self._release(asked)
        frames = framed(answer.kind, answer.flags, "", answer.octets, asked.id)
        if not self._to_hub(frames, answer.octets):
            self._to_hub(framed(FAIL, Failure.FULL, "", b"", asked.id), b"")

    def _answer(self, origin: str, number: int, kind: int, flags: int, octets: bytes) -> None:
        if len(octets) > MESSAGE_MAX:
            kind, flags = FAIL, Failure.LOST
            octets = (
                f"the answer has {len(octets)} octets, {MESSAGE_MAX} at most go across".encode()
            )
        if not self._broker(Answer(self._own, number, kind, flags, octets), to=origin):
            self._broker(Answer(self._own, number, FAIL, Failure.FULL, b""), to=origin)

    def _lose(self, origin: str, why: str) -> None:
        for number in [n for n, asked in self._asked.items() if asked.at == origin]:
            self._fail(number, Failure.LOST, why)

    def _fail(self, number: int, why: Failure, told: str) -> None:
        asked = self._asked.pop(number)
        self._release(asked)
        self._to_hub(framed(FAIL, why, "", told.encode()[:1000], asked.id), b"")

    def _release(self, asked: _Asked) -> None:
        if asked.at in self.elsewhere.peers:
            self.elsewhere.peers[asked.at].working -= 1
        asked.at = ""

    def _to_hub(self, frames: bytes, octets: bytes) -> bool:
        return self._hub(frames, is_bulk=len(octets) > PART)

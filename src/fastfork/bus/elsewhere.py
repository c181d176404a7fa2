"""What a server knows of the others: who is there, who responds to what, what was missed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BEAT = 2.0
"""Seconds after which a server says again that it is there."""

SILENCE = 7.0
"""Seconds without a word after which it is not."""

_KNOWN = 4096


class Peer:
    """Another server."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self.heard_at: float = 0.0
        self.working = 0
        """Requests of ours that it has not answered."""


class Elsewhere:
    """The other servers, by what they call themselves."""

    def __init__(self) -> None:
        self.peers: dict[str, Peer] = {}
        self._numbers: dict[str, int] = {}
        """How many publications were heard of; kept for servers that are silent, too."""
        self._turn = ""

    def hear(self, origin: str, now: float) -> Peer:
        """Note that *origin* is there; return what is known of it."""
        peer = self.peers.setdefault(origin, Peer())
        peer.heard_at = now
        return peer

    def misses(self, origin: str, number: int, new: int) -> bool:
        """Note that *origin* has said *number* publications, the last *new* of them now; return whether
        some before these never came.
        """
        before = self._numbers.pop(origin, None)
        self._numbers[origin] = number
        while len(self._numbers) > _KNOWN:
            del self._numbers[next(iter(self._numbers))]
        return before is not None and before != number - new

    def choose(self, name: str, *, but: Iterable[str] = ()) -> str | None:
        """Return who may answer *name*: the one with the fewest requests of ours at hand, by turns."""
        able = [key for key, peer in self.peers.items() if name in peer.names and key not in but]
        if not able:
            return None
        able.sort(key=lambda key: (self.peers[key].working, key <= self._turn, key))
        self._turn = able[0]
        return able[0]

    def leave(self, origin: str) -> None:
        """*origin* is gone for good."""
        self.peers.pop(origin, None)
        self._numbers.pop(origin, None)

    def silent(self, now: float) -> list[str]:
        """Forget those that have said nothing for too long; return them."""
        gone = [key for key, peer in self.peers.items() if now - peer.heard_at > SILENCE]
        for key in gone:
            del self.peers[key]
        return gone

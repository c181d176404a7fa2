"""Who is signed in. The browser has a token; the store has its hash, with which nobody can sign in."""

from __future__ import annotations

import hashlib
from typing import Protocol

LIFETIME = 7 * 86400
"""Seconds after which somebody who does not come back has to sign in again."""

ONLINE = 60
"""Seconds for which somebody counts as online after a request."""

TOUCH = 10
"""Seconds after which it is noted again that somebody is here, where that is a write to disk."""


class Sessions(Protocol):
    """Who is signed in, by a token that only the browser has; and who was here in the last minute."""

    def start(self, token: str, person: str) -> None:
        """Begin a session."""

    def find(self, token: str) -> str | None:
        """Return whose session it is; that person is online now."""

    def end(self, token: str) -> None:
        """End a session."""

    def count_online(self) -> int:
        """Return how many people were here in the last minute."""

    def close(self) -> None:
        """Close the connections."""


def key_of(token: str) -> str:
    """Return what stands for *token* in the store."""
    return hashlib.sha256(token.encode()).hexdigest()

"""Sessions in Redis: they outlive workers and servers, and several servers share them."""

from __future__ import annotations

import time
from typing import cast

import redis

from .sessions import LIFETIME, ONLINE, key_of

_ONLINE_KEY = "portal:online"


class RedisSessions:
    """Sessions in one Redis, by few connections."""

    def __init__(self, url: str, *, connections: int) -> None:
        """Connect to *url* with at most so many connections, at the first use."""
        self._pool = redis.BlockingConnectionPool.from_url(
            url, max_connections=connections, timeout=5, socket_timeout=5, decode_responses=True
        )
        self._redis = redis.Redis(connection_pool=self._pool)

    def start(self, token: str, person: str) -> None:
        """Begin a session."""
        self._redis.set(_session(token), person, ex=LIFETIME)
        self._note(person)

    def find(self, token: str) -> str | None:
        """Return whose session it is; that person is online now."""
        person = cast("str | None", self._redis.getex(_session(token), ex=LIFETIME))
        if person is not None:
            self._note(person)
        return person

    def end(self, token: str) -> None:
        """End a session."""
        person = cast("str | None", self._redis.getdel(_session(token)))
        if person is not None:
            self._redis.zrem(_ONLINE_KEY, person)

    def count_online(self) -> int:
        """Return how many people were here in the last minute."""
        self._redis.zremrangebyscore(_ONLINE_KEY, "-inf", time.time() - ONLINE)
        return self._redis.zcard(_ONLINE_KEY)

    def close(self) -> None:
        """Close the connections."""
        self._pool.disconnect()

    def _note(self, person: str) -> None:
        self._redis.zadd(_ONLINE_KEY, {person: time.time()})


def _session(token: str) -> str:
    return f"portal:session:{key_of(token)}"

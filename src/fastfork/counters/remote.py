"""Counters and limits that several servers share: they stand in Redis, and every call is a round trip.

A call never waits long for a broker that is away: what is counted is kept in this worker and goes along with
a later call; a limit is this server's own meanwhile. Nothing is said twice, so what was on its way when a
connection broke may be missing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import Any, ClassVar

from fastfork.counters import Counter, RateLimit
from fastfork.errors import CounterError
from fastfork.slot import broker

_WITHIN = 1.0
"""Seconds that the broker may take for an answer."""

_REST = 1.0
"""Seconds that a broker is left alone that could not be reached."""

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local every = tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = full - (tonumber(ARGV[2]) - 1) * every - now
if wait > 0 then
  return math.ceil(wait)
end
full = full + every
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
return 0
"""
"""As the limit in shared memory (ext/core/cells.c), in microseconds of the broker's clock."""

_TAKE_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


class Away(Exception):
    """The broker can't be reached: nothing was said to it."""


class Lost(Exception):
    """The connection broke in the middle: nobody knows whether it was heard."""


class Place:
    """The connections of this process to one broker."""

    _known: ClassVar[dict[tuple[int, str], Place]] = {}

    def __init__(self, url: str) -> None:
        from redis import ConnectionPool
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._pool = ConnectionPool.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=_WITHIN,
            socket_connect_timeout=_WITHIN,
        )
        self._next_try = 0.0
        self._why = ""

    @classmethod
    def at(cls, url: str) -> Place:
        """Return the one for *url* in this process: a connection must not cross a fork."""
        key = (os.getpid(), url)
        if key not in cls._known:
            cls._known[key] = cls(url)
        return cls._known[key]

    @classmethod
    def close_all(cls) -> None:
        """Close the connections of this process; the next call opens one again."""
        for key in [key for key in cls._known if key[0] == os.getpid()]:
            cls._known.pop(key)._pool.disconnect()

    def call(self, *words: str | int) -> Any:
        """Return the answer to a command. Raises Away, Lost, and redis.ResponseError for a refusal."""
        from redis.exceptions import RedisError, ResponseError

        if time.monotonic() < self._next_try:
            raise Away(self._why)
        try:
            connection = self._pool.get_connection()
        except (RedisError, OSError) as error:
            self._rest(error)
            raise Away(self._why) from None
        try:
            connection.send_command(*words)  # type: ignore[no-untyped-call]
            return connection.read_response()
        except ResponseError:
            raise
        except (RedisError, OSError) as error:
            connection.disconnect()  # type: ignore[no-untyped-call]
            self._rest(error)
            raise Lost(self._why) from None
        finally:
            self._pool.release(connection)

    def _rest(self, error: Exception) -> None:
        self._why = str(error)
        self._next_try = time.monotonic() + _REST


class RemoteCounter(Counter):
    """A counter of all servers at a broker."""

    __slots__ = ("_kept", "_key", "_lock", "_name", "_url")

    def __init__(self, name: str, *, backend: str = "redis") -> None:
        self._name = name
        self._url, self._key = _place_of(f"Counter({name!r})", backend, "counter", name)
        self._kept = 0
        self._lock = threading.Lock()

    def add(self, n: int = 1, /) -> None:
        """Add *n*; kept here for later while the broker is away."""
        if n < 0:
            raise ValueError("a Counter only goes up; a Gauge goes both ways")
        with self._lock:
            self._kept += n
        try:
            self._deliver()
        except (Away, Lost):
            pass

    @property
    def value(self) -> int:
        """What was added on all servers. Raises CounterError while the broker is away."""
        try:
            self._deliver()
            return int(Place.at(self._url).call("GET", self._key) or 0)
        except (Away, Lost) as error:
            told = f"Counter({self._name!r}): the broker can't be reached: {error}"
            raise CounterError(told) from None

    def _deliver(self) -> None:
        with self._lock:
            n, self._kept = self._kept, 0
        if n == 0:
            return
        try:
            Place.at(self._url).call("INCRBY", self._key, n)
        except Away:
            with self._lock:
                self._kept += n
            raise


class RemoteLimit(RateLimit):
    """A limit of all servers at a broker; of this one while the broker is away."""

    __slots__ = ("_key", "_url", "_words")

    def __init__(self, name: str, limit: int, *, per: float, backend: str = "redis") -> None:
        super().__init__(name, limit, per=per)
        self._url, self._key = _place_of(f"RateLimit({name!r})", backend, "limit", name)
        self._words = (1, self._key, f"{per * 1e6 / limit:.3f}", limit)

    def take(self) -> float:
        """Take one and return 0.0; or, taking none, the seconds until one may pass."""
        try:
            return float(self._ask()) / 1e6
        except (Away, Lost):
            return super().take()

    def _ask(self) -> Any:
        from redis.exceptions import NoScriptError

        place = Place.at(self._url)
        try:
            return place.call("EVALSHA", _TAKE_SHA, *self._words)
        except NoScriptError:  # the broker is new
            return place.call("EVAL", _TAKE, *self._words)


def _place_of(what: str, backend: str, kind: str, name: str) -> tuple[str, str]:
    shared = broker()
    url, channel = shared or ("", "default")
    if backend.startswith(("redis://", "rediss://", "unix://")):
        url = backend
    elif backend != "redis":
        raise CounterError(f'{what}: backend is "memory", "redis" or the URL of a Redis')
    elif shared is None:
        raise CounterError(
            f'{what}: backend="redis" needs a broker: start the server with --bus redis://HOST'
        )
    try:
        import redis  # noqa: F401
    except ImportError:
        raise CounterError(
            f'{what}: backend="redis" needs the package redis: pip install "fastfork[redis]"'
        ) from None
    return url, f"fastfork:{channel}:{kind}:{name}"

"""The connection to Redis, in the bridge: it goes, and comes back after a while.

Parcels for all go through one channel, those for one server through its own. A connection that breaks loses
what is in it; nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fastfork.bus.elsewhere import SILENCE
from fastfork.bus.parcels import Parcel, packed, unpacked

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

_WITHIN = 3.0
"""Seconds that the broker may take for an answer."""

_FIRST, _LAST = 0.1, 5.0
_STEADY = 10.0
"""Seconds after which a connection counts as one that holds."""


def back_off(failures: int, *, chance: float) -> float:
    """Return the seconds until the next try, after so many in a row: 0.1 doubling to 5, spread by a fifth."""
    return min(_LAST, _FIRST * 2.0 ** min(failures - 1, 16)) * (0.8 + 0.4 * chance)


class Users(Protocol):
    """Who uses a broker."""

    def come_up(self) -> None:
        """It is there."""

    def go_down(self, why: str) -> None:
        """It is gone, or could not be reached."""

    def receive(self, parcel: Parcel) -> None:
        """Somebody says something; also we ourselves."""

    def unheard(self, to: str, number: int) -> None:
        """Nobody was there to hear what was said to *to*."""


class _Outgoing(NamedTuple):
    to: str
    id: int
    octets: bytes


class Broker:
    """One server's place at a Redis."""

    def __init__(self, url: str, channel: str, own: str, *, limit: int, users: Users) -> None:
        """Let at most *limit* octets wait to be sent."""
        self.client: Redis = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=_WITHIN,
            socket_connect_timeout=_WITHIN,
        )
        # Channels know no databases; who takes another database wants to be apart.
        database = self.client.connection_pool.connection_kwargs.get("db", 0)
        self._all = f"fastfork:{database}:{channel}"
        self._own = own
        self._limit = limit
        self._users = users
        self._outgoing: list[_Outgoing] = []
        self._waiting = 0
        """Octets."""
        self._wanted = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()

    def send(self, parcel: Parcel, *, to: str = "", id: int = 0) -> bool:  # noqa: A002
        """Publish *parcel* to all, or *to* one server; return False if there is no room."""
        octets = packed(parcel)
        if self._waiting and self._waiting + len(octets) > self._limit:
            return False
        self._outgoing.append(_Outgoing(to, id, octets))
        self._waiting += len(octets)
        self._wanted.set()
        self._sent.clear()
        return True

    async def flush(self) -> None:
        """Wait until all is sent."""
        await self._sent.wait()

    async def run(self) -> None:
        """Connect, again and again, for ever."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._serve()
            except* (RedisError, OSError, TimeoutError) as group:
                why = _told(group)
            self._drop()
            self._users.go_down(why)
            failures = 1 if loop.time() - began > _STEADY else failures + 1
            await asyncio.sleep(back_off(failures, chance=random.random()))

    async def _serve(self) -> None:
        async with self.client.pubsub() as pubsub, asyncio.timeout(None) as patience:
            loop = asyncio.get_running_loop()
            patience.reschedule(loop.time() + _WITHIN)
            await pubsub.subscribe(self._all, self._channel_of(self._own))
            for _ in range(2):
                await pubsub.get_message(timeout=_WITHIN)
            await self.client.ping()
            patience.reschedule(None)
            self._drop()
            self._users.come_up()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(pubsub))
                tasks.create_task(self._speak())

    async def _hear(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=SILENCE)
            if message is None:  # not even what we said ourselves
                raise TimeoutError(f"it said nothing for {SILENCE:g} s")
            try:
                parcel = unpacked(message["data"])
            except msgspec.MsgspecError:
                continue  # somebody else uses the channel
            self._users.receive(parcel)

    async def _speak(self) -> None:
        while True:
            await self._wanted.wait()
            batch, self._outgoing = self._outgoing, []
            self._waiting = 0
            self._wanted.clear()
            pipeline = self.client.pipeline(transaction=False)
            for to, _, octets in batch:
                pipeline.publish(self._channel_of(to) if to else self._all, octets)
            for (to, number, _), heard in zip(batch, await pipeline.execute(), strict=True):
                if to and not heard:
                    self._users.unheard(to, number)
            if not self._outgoing:
                self._sent.set()

    def _drop(self) -> None:
        self._outgoing = []
        self._waiting = 0
        self._wanted.clear()
        self._sent.set()

    def _channel_of(self, server: str) -> str:
        return f"{self._all}:{server}"


def _told(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error).rstrip(".") or type(error).__name__

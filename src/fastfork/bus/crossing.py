"""The bridge as a process: pipes to the hub, a connection to the broker, and a loop that waits for both."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import msgspec

from fastfork._native.bus import Inbox, framed
from fastfork.bus.bridge import Bridge
from fastfork.bus.broker import Broker
from fastfork.bus.elsewhere import BEAT
from fastfork.bus.endpoint import READY, SUBSCRIBE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastfork._native.bus import Message
    from fastfork.bus.parcels import Parcel

_READ = 128 * 1024
_FAREWELL = 0.8
"""Seconds for the last words."""


class Sight(msgspec.Struct):
    """What the bridge tells the master of itself."""

    is_up: bool
    why: str = ""
    """Why not, if it is not."""
    servers: int = 0
    """Others."""
    carried: int = 0
    """Publications of this server that went across."""
    lost: int = 0
    """Messages that did not: there was no broker, or no room."""


class Crossing:
    """The process."""

    def __init__(
        self,
        pipes: tuple[int, ...],
        *,
        url: str,
        channel: str,
        limit: int,
        sight: int,
        is_late: bool,
        tell: Callable[[str], None],
    ) -> None:
        """*pipes* as `Post.join_bridge` gives them; what the master should know goes to *sight*, and lines of
        the log to *tell*.
        """
        self._pipes = pipes
        self._limit = limit
        self._sight = sight
        self._tell = tell
        own = os.urandom(8).hex()
        self._broker = Broker(url, channel, own, limit=limit, users=self)
        self._bridge = Bridge(own, hub=self._say, broker=self._broker.send, is_late=is_late)
        self._seen: Sight | None = None
        self._was_up: bool | None = None

    async def run(self) -> None:
        """Carry messages across until the hub has closed its pipes."""
        up, bulk, down, replies = self._pipes
        self._up, self._bulk = await _writer(up), await _writer(bulk)
        self._up.write(framed(SUBSCRIBE, 0, "*", b"") + framed(READY, 0, "", b""))
        others = [
            asyncio.create_task(self._broker.run()),
            asyncio.create_task(self._beat()),
            asyncio.create_task(_listen(replies, self._bridge.take_replies)),
        ]
        hub = asyncio.create_task(_listen(down, self._bridge.take))
        await asyncio.wait([hub, *others], return_when=asyncio.FIRST_COMPLETED)
        self._bridge.leave()
        try:
            await asyncio.wait_for(self._broker.flush(), _FAREWELL)
        except TimeoutError:
            pass
        for task in (hub, *others):
            if task.done() and not task.cancelled():
                task.result()  # a mistake of ours is told
            task.cancel()

    # --- what the broker calls

    def come_up(self) -> None:
        """The broker is there."""
        self._bridge.come_up()
        self._tell("connected")
        self._was_up = True
        self._show()

    def go_down(self, why: str) -> None:
        """The broker is gone."""
        self._bridge.go_down(why)
        if self._was_up is not False:  # once, not with each try
            self._tell(f"away, messages stay on this server: {why}")
        self._was_up = False
        self._show()

    def receive(self, parcel: Parcel) -> None:
        """Another server says something, or we ourselves."""
        self._bridge.receive(parcel, time.monotonic())

    def unheard(self, to: str, number: int) -> None:
        """Nobody heard it."""
        self._bridge.unheard(to, number)

    # ---

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT / 2)
            self._bridge.beat(time.monotonic())
            self._show()

    def _say(self, frames: bytes, *, is_bulk: bool) -> bool:
        pipe = self._bulk if is_bulk else self._up
        waiting = pipe.get_write_buffer_size()
        if waiting and waiting + len(frames) > self._limit:
            return False
        pipe.write(frames)
        return True

    def _show(self) -> None:
        bridge = self._bridge
        sight = Sight(
            is_up=bridge.is_up,
            why="" if bridge.is_up else bridge.why,
            servers=len(bridge.elsewhere.peers),
            carried=bridge.carried,
            lost=bridge.lost,
        )
        if sight == self._seen:
            return
        try:
            os.write(self._sight, msgspec.json.encode(sight) + b"\n")
            self._seen = sight
        except BlockingIOError:
            pass  # next time


async def _writer(fd: int) -> asyncio.WriteTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(fd, "wb", 0))
    return transport


async def _listen(fd: int, take: Callable[[Iterable[Message]], None]) -> None:
    os.set_blocking(fd, False)
    reader = asyncio.StreamReader(limit=_READ)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", 0)
    )
    inbox = Inbox()
    while octets := await reader.read(_READ):
        take(inbox.feed(octets))

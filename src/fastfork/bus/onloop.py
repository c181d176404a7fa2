"""Handlers that run on an asyncio loop: all in the loop's thread, nothing of it waits."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Awaitable

    from fastfork._native.bus import Link
    from fastfork.bus.endpoint import Endpoint
    from fastfork.bus.handlers import Handler

    Turns = deque[tuple[str, Awaitable[Any]]]
    """Topics, and coroutines that have not begun."""

_AT_ONCE = 64
"""Messages that are delivered before the loop does something else."""

_UNFINISHED = 1000
"""With so many async handlers at work no more is heard: it waits in the hub, which knows what to do then."""

_LAST_WORDS = 0.1
"""Seconds that a cancelled handler gets."""


class OnLoop:
    """What a worker hears, given to its handlers by a loop.

    Plain functions are called one after the other. Async ones begin in that order, too; one that is at
    work gets its next message when it is done with this one, so it sees them in order and need not lock.
    Responders run beside each other.
    """

    def __init__(self, loop: AbstractEventLoop, link: Link, endpoint: Endpoint) -> None:
        self.loop = loop
        self._link = link
        self._endpoint = endpoint
        self._unfinished = 0
        self._has_more = self._is_reading = self._is_over = False
        self._turns: dict[int, Turns] = {}
        self._tasks: set[Task[None]] = set()

    def start(self) -> None:
        """Hear what is said; in the loop's thread, or before the loop runs."""
        os.set_blocking(self._link.down_fd, False)
        self._read()

    async def stop(self, *, within: float) -> None:
        """Hear nothing more, and let what runs finish, *within* seconds."""
        from asyncio import wait

        self._is_over = True
        self._rest()
        if self._tasks:
            await wait(self._tasks, timeout=within)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await wait(self._tasks, timeout=_LAST_WORDS)
        for turns in self._turns.values():
            for _, rest in turns:
                if isinstance(rest, Coroutine):
                    rest.close()

    def finish(self, handler: Handler, topic: str, rest: Awaitable[Any]) -> None:
        """Run the *rest* of a handler when it is its turn."""
        self._more(1)
        turns = self._turns.get(id(handler))
        if turns is not None:
            turns.append((topic, rest))
            return
        self._turns[id(handler)] = turns = deque([(topic, rest)])
        self._spawn(self._take_turns(id(handler), turns))

    def finish_answer(self, number: int, topic: str, rest: Awaitable[Any]) -> None:
        """Run the *rest* of a responder now."""
        self._more(1)
        self._spawn(self._respond(number, topic, rest))

    def _hear(self) -> None:
        if self._has_more:
            return  # that first
        if self._link.hear():
            self._deliver()
        else:  # the master is gone, and this worker follows
            self._is_over = True
            self._rest()

    def _deliver(self) -> None:
        self._has_more = not self._is_over and self._link.deliver(self._endpoint, _AT_ONCE)
        if self._has_more:
            self.loop.call_soon(self._deliver)

    def _read(self) -> None:
        if not self._is_reading and not self._is_over:
            self._is_reading = True
            self.loop.add_reader(self._link.down_fd, self._hear)

    def _rest(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self.loop.remove_reader(self._link.down_fd)

    def _more(self, n: int) -> None:
        self._unfinished += n
        if self._unfinished >= _UNFINISHED:
            self._rest()
        elif self._unfinished <= _UNFINISHED // 2:
            self._read()

    def _spawn(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_turns(self, key: int, turns: Turns) -> None:
        while turns:
            topic, rest = turns.popleft()
            try:
                await rest
            except Exception as error:
                self._endpoint.fail(topic, error)
            finally:
                self._more(-1)
        del self._turns[key]

    async def _respond(self, number: int, topic: str, rest: Awaitable[Any]) -> None:
        try:
            self._endpoint.answer(number, await rest)
        except Exception as error:
            self._endpoint.refuse(number, topic, error)
        finally:
            self._more(-1)

"""Answers that coroutines await: read by the loop of whoever awaits one, and by no thread."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

from fastfork._native.bus import LATER, PART, packed
from fastfork.bus.endpoint import REQUEST, opened
from fastfork.errors import BusFull, BusTimeout, BusUnavailable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from fastfork._native.bus import Link

    Answer = tuple[int, int, bytes]


class Answers:
    """Who awaits one, in every loop of this process.

    A loop reads the pipe of the answers while anything in it awaits one; a thread that waits for an answer
    of its own reads it too. Whoever comes first gives every answer to the loop it belongs to.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        link.on_answers = self._settle
        self._numbers = count()
        self._waiting: dict[int, tuple[AbstractEventLoop, Future[Answer]]] = {}
        self._readers: dict[AbstractEventLoop, int] = {}
        self._is_over = False

    async def ask(self, name: str, message: Any, timeout: float | None) -> Any:  # noqa: ASYNC109
        """Return the answer of whoever responds to *name*; raise a BusError if there is none."""
        flags, octets = packed(message)
        number = LATER | next(self._numbers) & LATER - 1
        loop = asyncio.get_running_loop()
        future: Future[Answer] = loop.create_future()
        self._waiting[number] = loop, future
        self.watch(loop)
        try:
            async with asyncio.timeout(timeout):
                say = self._link.say
                if len(octets) <= PART:
                    is_said = say(REQUEST, flags, name, octets, id=number, now=True)
                else:  # waits until the hub has taken it
                    is_said = await asyncio.to_thread(
                        say, REQUEST, flags, name, octets, id=number, now=True
                    )
                if is_said:
                    return opened(name, *await future)
        except TimeoutError:
            raise BusTimeout(f"{name!r} gave no answer within {timeout:g} s") from None
        except BrokenPipeError:
            raise BusUnavailable("the master is gone") from None
        finally:
            del self._waiting[number]
            self.unwatch(loop)
        raise BusFull(f"too many messages wait already: the request to {name!r} was not sent")

    def watch(self, loop: AbstractEventLoop) -> None:
        """Read in *loop*, until as many `unwatch` as `watch` have been called; in its thread."""
        readers = self._readers[loop] = self._readers.get(loop, 0) + 1
        if readers == 1 and not self._is_over:
            loop.add_reader(self._link.answers_fd, self._read, loop)

    def unwatch(self, loop: AbstractEventLoop) -> None:
        """Undo one `watch`."""
        self._readers[loop] -= 1
        if not self._readers[loop]:
            del self._readers[loop]
            loop.remove_reader(self._link.answers_fd)

    def _read(self, loop: AbstractEventLoop) -> None:
        if self._link.collect():
            self._settle(here=loop)
            return
        self._is_over = True
        loop.remove_reader(self._link.answers_fd)
        for owner, future in list(self._waiting.values()):
            if owner is loop and not future.done():
                future.set_exception(BrokenPipeError())

    def _settle(self, here: AbstractEventLoop | None = None) -> None:
        for number, kind, flags, octets in self._link.answers():
            waiting = self._waiting.get(number)
            if waiting is None:
                continue  # it has been given up
            loop, future = waiting
            if loop is here:
                _give(future, (kind, flags, octets))
                continue
            try:
                loop.call_soon_threadsafe(_give, future, (kind, flags, octets))
            except RuntimeError:
                pass  # the loop was closed meanwhile, and nothing awaits in it


def _give(future: Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)

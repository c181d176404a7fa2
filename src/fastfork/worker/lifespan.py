"""The lifespan of an ASGI application: it is told of the start, and of the end (ASGI lifespan 2.0)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastfork.app import failed
from fastfork.errors import AppImportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Application = Callable[
        [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
        Awaitable[None],
    ]


class Lifespan:
    """One application's lifespan, on the loop that runs.

    *mode* is that of `--lifespan`. *on_error* gets what is only for the log: what went wrong, and the
    exception if there is one.
    """

    def __init__(
        self,
        application: Application,
        *,
        mode: str,
        on_error: Callable[[str, BaseException | None], None],
    ) -> None:
        self._application = application
        self._mode = mode
        self._on_error = on_error
        self._state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._asked = ""
        """What the application was told last."""
        self._error: BaseException | None = None
        """What it raised."""

    async def startup(self, *, within: float | None = None) -> dict[str, Any] | None:
        """Start the application; it has *within* seconds, None: any.

        Return the state that each scope gets a copy of, or None: it takes no lifespan. Raises AppImportError
        with the reason if it says that it can't start, or, with mode on, takes no lifespan.
        """
        if self._mode == "off":
            return None
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Message] = loop.create_future()
        self._end = asyncio.Event()
        self._is_idle: asyncio.Future[None] = loop.create_future()
        task = loop.create_task(self._run(), name="fastfork-lifespan")
        first: set[asyncio.Future[Any]] = {task, self._answer}
        await asyncio.wait(first, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._has_answered("complete"):
            self._task = task
            task.add_done_callback(self._note_early_end)
            return self._state
        is_hanging = not self._answer.done() and not task.done()
        await _cancel(task)
        if is_hanging:
            raise AppImportError(
                f"the application has not answered lifespan.startup within {within:g} s"
            )
        if self._has_answered("failed"):
            raise self._refusal()
        self._check_may_go_without()
        return None

    async def shutdown(self, *, within: float) -> None:
        """Tell the application of the end; it has *within* seconds. What goes wrong is logged."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        task.remove_done_callback(self._note_early_end)
        self._answer = asyncio.get_running_loop().create_future()
        self._end.set()
        # What the application does behind its answer belongs to its end: a middleware's own, say.
        await asyncio.wait(
            {task, self._is_idle}, timeout=within, return_when=asyncio.FIRST_COMPLETED
        )
        is_hanging = not self._is_idle.done() and not task.done()
        await _cancel(task)
        if self._has_answered("failed"):
            message = self._answer.result().get("message") or "it gave no reason"
            self._on_error(f"the application's shutdown failed: {message}", None)
        elif self._error is not None:
            self._on_error("the application failed at lifespan.shutdown", self._error)
        elif is_hanging:
            self._on_error(f"lifespan.shutdown took the application over {within:g} s", None)

    async def _run(self) -> None:
        scope: Message = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._application(scope, self._receive, self._send)
        except (Exception, SystemExit) as error:
            self._error = error

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = "lifespan.startup"
        else:
            await self._end.wait()
            if self._asked == "lifespan.shutdown":
                if not self._is_idle.done():
                    self._is_idle.set_result(None)
                await asyncio.get_running_loop().create_future()  # there is nothing more to hear
            self._asked = "lifespan.shutdown"
        return {"type": self._asked}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        # An application that listens to no event may still answer the first one.
        asked = self._asked or "lifespan.startup"
        if self._answer.done() or kind not in {f"{asked}.complete", f"{asked}.failed"}:
            state = "it is answered already" if self._answer.done() else f"asked was {asked}"
            raise RuntimeError(f"{kind!r} was sent out of turn: {state}")
        self._answer.set_result(message)

    def _has_answered(self, how: str) -> bool:
        return self._answer.done() and self._answer.result()["type"].endswith(f".{how}")

    def _refusal(self) -> AppImportError:
        if message := self._answer.result().get("message"):
            return AppImportError(f"the application's start-up failed: {message.rstrip()}")
        if self._error is not None:
            return failed("the application's start-up", self._error)
        return AppImportError("the application's start-up failed, and it gave no reason")

    def _check_may_go_without(self) -> None:
        if self._mode == "on":
            if self._error is not None:
                raise failed("the application's lifespan", self._error)
            raise AppImportError(
                "the application takes no lifespan: it returned without an answer to lifespan.startup;"
                " leave out --lifespan on"
            )
        # Who raises at the scope doesn't know of lifespans; who has listened meant to start something.
        if self._error is not None and self._asked:
            self._on_error(
                "the application failed at lifespan.startup, and is served without a lifespan",
                self._error,
            )

    def _note_early_end(self, _: asyncio.Task[None]) -> None:
        if self._error is not None:
            self._on_error(
                "the application's lifespan failed: its shutdown will not run", self._error
            )


async def _cancel(task: asyncio.Task[None]) -> None:
    """End *task*, whatever it makes of that, and leave nothing behind that the loop would tell of."""
    task.cancel()
    await asyncio.wait({task}, timeout=1)

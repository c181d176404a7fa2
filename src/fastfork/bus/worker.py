"""A worker at the bus: a link to the hub, and a thread or a loop that handlers run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastfork.bus.endpoint import CANDIDATE, RESIGN, Endpoint
from fastfork.bus.leadership import Leadership

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Runner
    from collections.abc import Awaitable, Callable, Iterable

    from fastfork._native.bus import Link
    from fastfork.bus.answers import Answers
    from fastfork.bus.handlers import Handler, Handlers
    from fastfork.bus.leadership import Duty
    from fastfork.bus.onloop import OnLoop


class Worker(Endpoint):
    """What is said and asked here goes to the hub at once; handlers run from `open` on."""

    def __init__(
        self,
        link: Link,
        handlers: Handlers,
        *,
        is_patient: bool,
        on_error: Callable[[str, BaseException], None],
    ) -> None:
        """Let who publishes wait for room if it *is_patient*."""
        super().__init__(link, handlers, on_error=on_error)
        self.link = link
        self._is_patient = is_patient
        self._is_open = self._is_listening = False
        self._thread_id = 0
        self._on_loop: OnLoop | None = None
        self._runner: Runner | None = None
        self._answers: Answers | None = None
        self._leadership = Leadership(on_error)
        self.on_lead: Callable[[], None] | None = self._leadership.begin
        self.on_end: Callable[[], object] | None = None
        """Called by the thread that hears, when the master is gone."""
        self.finish: Callable[[Handler, str, Awaitable[Any]], object] = (
            lambda handler, topic, rest: self._run_here(rest)
        )
        self.finish_answer: Callable[[int, str, Awaitable[Any]], object] = (
            lambda number, name, rest: self.answer(number, self._run_here(rest))
        )

    def run_on(self, loop: AbstractEventLoop) -> None:
        """Let handlers and async duties run on *loop*; before `open`, in the loop's thread.

        Who calls it awaits `stop` before the loop ends.
        """
        from threading import get_ident

        from fastfork.bus.onloop import OnLoop

        self._on_loop = on_loop = OnLoop(loop, self.link, self)
        self.finish, self.finish_answer = on_loop.finish, on_loop.finish_answer
        self._thread_id = get_ident()
        self._leadership.loop = loop
        self.answers.watch(loop)

    def open(self, duties: Iterable[Duty]) -> None:
        """Let the handlers run, and lead with *duties* when it is our turn: the application is loaded."""
        self._is_open = True
        self.listen()
        for duty in duties:
            self.lead(duty)

    def listen(self) -> None:
        """Hear what is said, if that concerns anybody."""
        if not self._is_open or self._is_listening:
            return
        if not self.handlers and not self._leadership.duties:
            return
        self._is_listening = True
        self.announce()
        if self._on_loop is not None:
            self._on_loop.loop.call_soon_threadsafe(self._on_loop.start)
            return
        from threading import Thread

        Thread(target=self._run, name="fastfork-bus", daemon=True).start()

    def lead(self, duty: Duty) -> None:
        """Take on a duty for when this worker leads; before `open` they are only collected."""
        if not self._is_open or duty in self._leadership.duties:
            return
        self._leadership.add(duty)
        self.listen()
        self.link.say(CANDIDATE, 0, "", b"", now=True)

    @property
    def answers(self) -> Answers:
        """Who awaits an answer."""
        if self._answers is None:
            from fastfork.bus.answers import Answers

            self._answers = Answers(self.link)
        return self._answers

    def waits_for_room(self) -> bool:
        """Wait a while for room in the link, if that is wanted; return whether to try again."""
        from threading import get_ident

        if not self._is_patient:
            return False
        if get_ident() == self._thread_id:
            self.link.lose()  # two handlers that wait for each other would wait for ever
            return False
        self.link.wait_for_room()
        return True

    async def stop(self, *, within: float) -> None:
        """End what runs on the loop, *within* seconds: async duties first, then handlers."""
        if self._on_loop is None:
            return
        deadline = self._on_loop.loop.time() + within
        await self._leadership.stop(within=within)
        await self._on_loop.stop(within=max(0.0, deadline - self._on_loop.loop.time()))
        self.answers.unwatch(self._on_loop.loop)

    def close(self, *, within: float) -> None:
        """Lead no more; handlers in a thread go on until the process ends.

        A duty that has not stopped *within* seconds ends with the process: until then nobody else leads.
        """
        if self._leadership.duties and self._leadership.end(within=within):
            self.link.say(RESIGN, 0, "", b"", now=True)

    def _run_here(self, rest: Awaitable[Any]) -> Any:
        """Finish *rest* in the thread of the handlers, which has a loop for such."""
        from asyncio import Runner

        async def wait() -> Any:
            return await rest

        if self._runner is None:
            self._runner = Runner()
        return self._runner.run(wait())

    def _run(self) -> None:
        from threading import get_ident

        self._thread_id = get_ident()
        while self.link.hear():
            self.link.deliver(self)
        if self._runner is not None:
            self._runner.close()
        if self.on_end is not None:
            self.on_end()

"""Work that exactly one worker does: schedulers, and whatever must not run twice at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from fastfork.interface import is_coroutine_function

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from asyncio import Event as AsyncEvent
    from collections.abc import Callable, Coroutine
    from threading import Event, Thread

    Duty = Callable[[Any], object]


class Leadership:
    """Runs each duty while this worker leads: async ones on the loop, others in threads of their own."""

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        self.duties: list[Duty] = []
        self.loop: AbstractEventLoop | None = None
        """None: an async duty gets a loop of its own, in its thread."""
        self._on_error = on_error
        self._stop: Event | None = None
        self._threads: list[Thread] = []
        self._tasks: list[Task[None]] = []
        self._async_stops: list[tuple[AbstractEventLoop, AsyncEvent]] = []

    def begin(self) -> None:
        """Start every duty."""
        from threading import Event

        self._stop = Event()
        for duty in self.duties:
            self._start(duty, self._stop)

    def add(self, duty: Duty) -> None:
        """Make *duty* one of them; start it if this worker leads already."""
        self.duties.append(duty)
        if self._stop is not None:
            self._start(duty, self._stop)

    async def stop(self, *, within: float) -> None:
        """Tell every duty to stop; wait for those on this loop, at most *within* seconds."""
        from asyncio import wait

        self._tell_to_stop()
        if self._tasks:
            await wait(self._tasks, timeout=within)

    def end(self, *, within: float) -> bool:
        """Tell every duty to stop; return whether all have, *within* seconds."""
        self._tell_to_stop()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return all(task.done() for task in self._tasks) and not any(
            thread.is_alive() for thread in self._threads
        )

    def _tell_to_stop(self) -> None:
        if self._stop is None:
            return
        self._stop.set()
        for loop, stop in self._async_stops:
            try:
                loop.call_soon_threadsafe(stop.set)
            except RuntimeError:
                pass  # its loop has ended, and so has the duty

    def _start(self, duty: Duty, stop: Event) -> None:
        from threading import Thread

        name = getattr(duty, "__qualname__", type(duty).__name__)
        if self.loop is not None and is_coroutine_function(duty):
            self.loop.call_soon_threadsafe(self._start_on_loop, self.loop, duty, name, stop)
            return
        thread = Thread(target=self._run, args=(duty, name, stop), name=f"fastfork-leader-{name}")
        thread.daemon = True
        thread.start()
        self._threads.append(thread)

    def _start_on_loop(self, loop: AbstractEventLoop, duty: Duty, name: str, stop: Event) -> None:
        self._tasks.append(loop.create_task(self._run_async(duty, name, stop)))

    def _run(self, duty: Duty, name: str, stop: Event) -> None:
        if is_coroutine_function(duty):
            from asyncio import run

            run(self._run_async(duty, name, stop))
            return
        try:
            duty(stop)
        except Exception as error:
            self._on_error(f"leader: {name}", error)

    async def _run_async(self, duty: Duty, name: str, stop: Event) -> None:
        from asyncio import Event as AsyncEvent
        from asyncio import get_running_loop

        end = AsyncEvent()
        self._async_stops.append((get_running_loop(), end))
        if stop.is_set():
            end.set()  # it was told to before this stood in the list
        try:
            await cast("Coroutine[Any, Any, object]", duty(end))
        except Exception as error:
            self._on_error(f"leader: {name}", error)

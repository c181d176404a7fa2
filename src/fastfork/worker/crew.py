"""The threads of a worker: one for each of its lanes, the first one's is the main thread."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork._native.lane import Lane


class Crew:
    """Runs *serve* for each of *lanes*, until all of them have ended.

    *ask* is a request inside this process, for `check`; *leave* ends a process that the application forked in
    one of the threads.
    """

    on_loop = None
    """There is no loop that anything could be run on."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        serve: Callable[[Lane], None],
        *,
        ask: Callable[[str], None],
        leave: Callable[[], NoReturn],
    ) -> None:
        self._lanes = lanes
        self._serve = serve
        self.check = ask
        """Ask for a path. Raises AppImportError unless the answer is 2xx."""
        self._leave = leave
        self._pid = os.getpid()
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Nothing has to be started."""

    def close(self) -> None:
        """Nothing is left to be closed."""

    def serve(self) -> None:
        """Serve; when one lane fails the others finish what they run, and its exception is raised."""
        if len(self._lanes) == 1:  # a worker without threads need not import them
            self._serve(self._lanes[0])
            return
        import threading

        others = [
            threading.Thread(target=self._run_beside, args=(lane,), name=f"fastfork-lane-{number}")
            for number, lane in enumerate(self._lanes[1:], 1)
        ]
        for thread in others:
            thread.start()
        self._run(self._lanes[0])
        if os.getpid() == self._pid:  # a child that the application forked has no other thread
            for thread in others:
                thread.join()
        if self._failure is not None:
            raise self._failure

    def leave(self) -> None:
        """Let every lane end when it has finished what it runs; also from a signal handler."""
        for lane in self._lanes:
            lane.drain()

    def detach(self) -> None:
        """Let go of every lane, in a child that the application forked."""
        for lane in self._lanes:
            lane.detach()

    def _run_beside(self, lane: Lane) -> None:
        self._run(lane)
        if os.getpid() != self._pid:
            self._leave()

    def _run(self, lane: Lane) -> None:
        try:
            self._serve(lane)
        except BaseException as failure:
            self._failure = self._failure or failure
            self.leave()

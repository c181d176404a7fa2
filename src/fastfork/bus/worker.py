"""A worker at the bus: a link to the hub, and a thread that handlers run on once there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastfork.bus.endpoint import CANDIDATE, RESIGN, Endpoint
from fastfork.bus.leadership import Leadership

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import Thread

    from fastfork._native.bus import Link
    from fastfork.bus.handlers import Handlers
    from fastfork.bus.leadership import Duty


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
        self._is_open = False
        self._thread: Thread | None = None
        self._leadership = Leadership(on_error)
        self.on_lead = self._leadership.begin

    def open(self, duties: Iterable[Duty]) -> None:
        """Let the handlers run, and lead with *duties* when it is our turn: the application is loaded."""
        self._is_open = True
        self.listen()
        for duty in duties:
            self.lead(duty)

    def listen(self) -> None:
        """Start the thread, if there is something to hear."""
        if not self._is_open or self._thread is not None:
            return
        if not self.handlers and not self._leadership.duties:
            return
        from threading import Thread

        self._thread = Thread(target=self._run, name="fastfork-bus", daemon=True)
        self.announce()
        self._thread.start()

    def lead(self, duty: Duty) -> None:
        """Take on a duty for when this worker leads; before `open` they are only collected."""
        if not self._is_open:
            return
        self._leadership.add(duty)
        self.listen()
        self.link.say(CANDIDATE, 0, "", b"", now=True)

    def waits_for_room(self) -> bool:
        """Wait a while for room in the link, if that is wanted; return whether to try again."""
        from threading import current_thread

        # Two handlers that wait for each other would wait for ever.
        if not self._is_patient or current_thread() is self._thread:
            return False
        self.link.wait_for_room()
        return True

    def close(self, *, within: float) -> None:
        """Lead no more; the handlers go on until the process ends.

        A duty that has not stopped *within* seconds ends with the process: until then nobody else leads.
        """
        if self._leadership.duties and self._leadership.end(within=within):
            self.link.say(RESIGN, 0, "", b"", now=True)

    def _run(self) -> None:
        while (messages := self.link.hear()) is not None:
            self.deliver(messages)

"""What an application wants to be called for in the life of its workers.

    @fastfork.on_worker_start
    def open_pool(slot): ...

Each hook gets the number of its worker's slot and runs in that worker, in the order in which they were made:

    on_worker_start   the application is loaded; no request has come yet. Here pools are opened
    on_reload         the same, behind it, if a reload made this worker
    on_ready          the worker has said that it can serve
    on_worker_stop    it has finished its last request
    on_exit           the process ends, in whatever way Python can still run

What the first two raise counts as a failure of the application's import; the others' is logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[int], object]
    H = TypeVar("H", bound=Hook)

_CO_COROUTINE = 0x80


class Hooks:
    """The hooks for one moment; calling it adds one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._hooks: list[Hook] = []

    def __call__(self, hook: H) -> H:
        """Add *hook*. Raises TypeError if it can't be called as one."""
        if not callable(hook):
            raise TypeError(f"@fastfork.{self.name} stands before a function, without ()")
        code = getattr(hook, "__code__", None)
        if getattr(code, "co_flags", 0) & _CO_COROUTINE:
            raise TypeError(f"@fastfork.{self.name} takes no async function: nothing runs it yet")
        self._hooks.append(hook)
        return hook

    def run(self, slot: int) -> None:
        """Run all of them; the first exception ends that."""
        for hook in self._hooks:
            hook(slot)

    def run_each(self, slot: int, *, on_error: Callable[[str, BaseException], object]) -> None:
        """Run all of them, whatever the others do; tell *on_error* what they raise."""
        for hook in self._hooks:
            try:
                hook(slot)
            except Exception as error:
                name = getattr(hook, "__qualname__", repr(hook))
                on_error(f"@fastfork.{self.name} {name} failed", error)


on_worker_start = Hooks("on_worker_start")
on_reload = Hooks("on_reload")
on_ready = Hooks("on_ready")
on_worker_stop = Hooks("on_worker_stop")
on_exit = Hooks("on_exit")

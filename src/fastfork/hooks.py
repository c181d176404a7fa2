"""What an application wants to be called for in the life of its workers.

    @fastfork.on_worker_start
    def open_pool(slot): ...

Each hook gets the number of its worker's slot and runs in that worker, in the order in which they were made:

    on_worker_start   the application is loaded; no request has come yet. Here pools are opened
    on_reload         the same, behind it, if a reload made this worker
    on_ready          the worker has said that it can serve
    on_worker_stop    it has finished its last request
    on_exit           the process ends, in whatever way Python can still run

Functions may be async if the application is an ASGI one: they run on its loop, on_worker_start before the
lifespan's startup and on_worker_stop behind its shutdown. on_exit takes none: there is no loop any more.

What the first two raise counts as a failure of the application's import; the others' is logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Hook = Callable[[int], Any]
    OnLoop = Callable[[Coroutine[Any, Any, object]], object]
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
        if self.name == "on_exit" and _is_async(hook):
            raise TypeError("@fastfork.on_exit takes no async function: there is no loop any more")
        self._hooks.append(hook)
        return hook

    def run(self, slot: int, *, on_loop: OnLoop | None = None) -> None:
        """Run all of them, async ones *on_loop*; the first exception ends that."""
        for hook in self._hooks:
            self._run(hook, slot, on_loop)

    def run_each(
        self,
        slot: int,
        *,
        on_error: Callable[[str, BaseException], object],
        on_loop: OnLoop | None = None,
    ) -> None:
        """Run all of them, whatever the others do; tell *on_error* what they raise."""
        for hook in self._hooks:
            try:
                self._run(hook, slot, on_loop)
            except Exception as error:
                on_error(f"@fastfork.{self.name} {_name_of(hook)} failed", error)

    def _run(self, hook: Hook, slot: int, on_loop: OnLoop | None) -> None:
        if not _is_async(hook):
            hook(slot)
        elif on_loop is None:
            raise TypeError(
                f"@fastfork.{self.name} {_name_of(hook)} is async, and the application is no ASGI one:"
                " there is no loop to run it on"
            )
        else:
            on_loop(hook(slot))


def _is_async(hook: Hook) -> bool:
    code = getattr(getattr(hook, "__func__", hook), "__code__", None)
    return bool(getattr(code, "co_flags", 0) & _CO_COROUTINE)


def _name_of(hook: Hook) -> str:
    return getattr(hook, "__qualname__", repr(hook))


on_worker_start: Hooks = Hooks("on_worker_start")
on_reload: Hooks = Hooks("on_reload")
on_ready: Hooks = Hooks("on_ready")
on_worker_stop: Hooks = Hooks("on_worker_stop")
on_exit: Hooks = Hooks("on_exit")

"""Reload: every worker is relieved by one that is made anew; a failure leaves those that serve alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fastfork.config.surroundings import Start, Surroundings
from fastfork.errors import FastforkError
from fastfork.settings import Settings, table
from fastfork.worker.identity import Identity, identity_of
from fastfork.worker.proxies import Proxies, proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork.log import Log
    from fastfork.supervisor.relief import Reliefs, Tell, Wish
    from fastfork.supervisor.slots import Slot
    from fastfork.supervisor.template import Template

_WORKERS = frozenset(
    (
        *("app", "workers", "preload", "check", "reload_parallel", "boot_timeout"),
        *("env", "env_file", "chdir", "user", "group", "umask"),
        *("loop", "lifespan", "root_path", "header_map", "body_buffer", "max_body"),
        *("body_timeout", "write_timeout", "min_rate", "max_spool", "spool_dir"),
        *("ws_max_size", "ws_ping_interval", "ws_ping_timeout", "ws_per_message_deflate"),
        *("limit_head", "limit_request_line", "limit_request_fields", "limit_request_field_size"),
        *(
            "limit_chunk_overhead",
            "limit_requests_per_connection",
            "forwarded_allow_ips",
            "proxy_protocol",
            "proxy_allow_ips",
        ),
    )
)
"""Settings that only workers have, and their number; the master keeps the others until its next start."""


class Generation(NamedTuple):
    """What workers are made from."""

    number: int
    settings: Settings
    proxies: Proxies
    identity: Identity
    template: Template | None = None
    """What workers are forked from, if they don't load the application for themselves."""


def generation_of(settings: Settings, *, number: int) -> Generation:
    """Return what *settings* make of workers. Raises ConfigError."""
    return Generation(number, settings, proxies_of(settings), identity_of(settings))


def end_template(generation: Generation) -> None:
    """Fork nobody any more from what *generation* has imported."""
    if generation.template is not None:
        generation.template.end()


def fresh_settings(old: Settings, new: Settings) -> tuple[Settings, list[str]]:
    """Return *old* with what may change at a reload, and the names of what may not, but did."""
    changed = [row.name for row in table() if getattr(old, row.name) != getattr(new, row.name)]
    taken = {name: getattr(new, name) for name in changed if name in _WORKERS}
    return msgspec.structs.replace(old, **taken), [n for n in changed if n not in _WORKERS]


class _Reload(NamedTuple):
    tell: Tell
    fresh: Generation
    old: Generation
    before: Surroundings
    """Where the old generation was made."""
    left: list[Slot]
    """Those that still have a worker of the old generation."""
    wishes: list[Wish]
    """That their workers be relieved."""


class Reloads:
    """Makes new generations of workers, one after the other."""

    def __init__(
        self,
        first: Generation,
        *,
        source: tuple[Start, Callable[[], Settings] | None],
        slots: Sequence[Slot],
        reliefs: Reliefs,
        template_of: Callable[[Generation], Template | None],
        scale: Callable[[Settings], None],
        log: Log,
    ) -> None:
        """*source* is how the server was started, and gives the settings as they would be now; *scale* takes
        a number of workers that has changed.
        """
        self.generation: Generation = first
        self._newest = first.number
        self._start, self._read = source
        self._slots = slots
        self._reliefs = reliefs
        self._template_of = template_of
        self._scale = scale
        self._log = log
        self._running: _Reload | None = None

    @property
    def is_on(self) -> bool:
        """Whether a reload is going on."""
        return self._running is not None

    def go_on_from(self, number: int) -> None:
        """The generation that serves has *number*: an image of this process before has counted so far."""
        self.generation = self.generation._replace(number=number)
        self._newest = number

    def begin(self, why: str, tell: Tell) -> None:
        """Replace all workers and *tell* when that is done, or why it is not; the newest reload wins."""
        self._log.info(f"{why}: reloading")
        if not self._reliefs.is_on:
            self._told("the server is still starting, or stops already", tell)
            return
        before, old = Surroundings(), self.generation
        try:
            fresh, fixed = self._renew()
        except FastforkError as error:
            before.restore()
            before.close()
            self._told(str(error), tell)
            return
        if fixed:
            self._log.warning(f"changed, but taken only by a new start: {', '.join(fixed)}")
        if self._running is not None:
            # It may still fail: then all goes back to the last generation that was whole.
            before.close()
            superseded = self._running
            old, before = superseded.old, superseded.before
            self._give_up(superseded)
            superseded.tell("a newer reload took its place")
            self.generation = old
        fresh = fresh._replace(template=self._template_of(fresh))
        reload = self._running = _Reload(tell, fresh, old, before, left=[], wishes=[])
        self._reliefs.give_up()
        if fresh.template is None:
            self._use(reload, None)
        else:
            fresh.template.begin(partial(self._use, reload))

    def _use(self, reload: _Reload, error: FastforkError | None) -> None:
        """Make workers of what is new: its template is ready, or can't be."""
        if reload is not self._running or not self._reliefs.is_on:
            return
        if error is not None:
            self._fail(reload, str(error))
            return
        self.generation = reload.fresh
        self._reliefs.parallel = reload.fresh.settings.reload_parallel
        reload.left[:] = [slot for slot in self._slots if not self._starts_anyway(slot)]
        for slot in reload.left[:]:
            wish = self._reliefs.relieve(slot, partial(self._go_on, reload, slot))
            reload.wishes.append(wish)
        if not reload.left:
            self._succeed(reload)

    def _renew(self) -> tuple[Generation, list[str]]:
        self._start.enter_again()
        settings, fixed = self.generation.settings, list[str]()
        if self._read is not None:
            settings, fixed = fresh_settings(settings, self._read())
        self._start.enter(settings)
        self._newest += 1
        return generation_of(settings, number=self._newest), fixed

    def _go_on(self, reload: _Reload, slot: Slot, failure: str | None) -> None:
        if reload is not self._running:
            return
        reload.left.remove(slot)
        if failure is not None and slot in self._slots:
            self._fail(reload, f"worker {slot.number} {failure}")
        elif not reload.left:
            self._succeed(reload)

    def _starts_anyway(self, slot: Slot) -> bool:
        """Whether nobody serves in *slot*: the next one will be of the new generation."""
        if slot.worker is None:
            slot.due = 0.0
            return True
        if slot.worker.is_ready:
            return False
        slot.worker.kill()
        return True

    def _succeed(self, reload: _Reload) -> None:
        self._running = None
        reload.before.close()
        end_template(reload.old)
        if reload.fresh.settings.workers != reload.old.settings.workers:
            self._scale(reload.fresh.settings)
        self._log.info(f"reloaded: generation {self.generation.number} serves")
        reload.tell(None)

    def _fail(self, reload: _Reload, failure: str) -> None:
        self._running = None
        self.generation = reload.old
        self._give_up(reload)
        self._reliefs.give_up()
        reload.before.restore()
        reload.before.close()
        self._told(failure, reload.tell)

    def _give_up(self, reload: _Reload) -> None:
        self._reliefs.withdraw(reload.wishes)
        end_template(reload.fresh)

    def _told(self, failure: str, tell: Tell) -> None:
        self._log.error(f"not reloaded, the workers that serve go on: {failure}")
        tell(failure)

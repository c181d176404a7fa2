"""What the control socket can be asked for, and where it stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fastfork.control.paths import SUFFIX, clean, folders, name_of, prepare
from fastfork.control.protocol import ControlError
from fastfork.control.server import ControlServer
from fastfork.errors import FastforkError
from fastfork.supervisor.binds import UnixBind
from fastfork.supervisor.listeners import Listener, open_listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastfork.control.server import Call, Watch
    from fastfork.log import Log
    from fastfork.settings import Settings
    from fastfork.supervisor.census import Census
    from fastfork.supervisor.dumps import Dumps
    from fastfork.supervisor.slots import Slot
    from fastfork.supervisor.template import Template

    Relieve = Callable[[Slot, Callable[[str | None], None]], object]
    Reload = Callable[[str, Callable[[str | None], None]], None]
    Upgrade = Callable[[str, Callable[[str | None], None], int], None]
    Scale = Callable[[int, str, Callable[[str | None], None]], None]

_ONLY_US = 0o177
_WORKERS_MAX = 512


class Commands:
    """The commands of one master, which gives what they need."""

    def __init__(
        self,
        *,
        census: Census,
        slots: Sequence[Slot],
        dumps: Dumps,
        template: Callable[[], Template | None],
        relieve: Relieve,
        reload: Reload,
        upgrade: Upgrade,
        scale: Scale,
        stop: Callable[[str], None],
        kill: Callable[[str], None],
    ) -> None:
        """*relieve* replaces the worker of a slot and tells when it is done, or why it is not."""
        self._census = census
        self._slots = slots
        self._dumps = dumps
        self._template = template
        self._relieve = relieve
        self._reload = reload
        self._upgrade = upgrade
        self._scale = scale
        self._stop = stop
        self._kill = kill

    def table(self) -> dict[str, Callable[[Call], None]]:
        """Return the commands by name."""
        return {
            "status": lambda call: call.succeed(self._census.look()),
            "restart": self._restart,
            "reload": self._renew,
            "upgrade": self._become,
            "scale": self._resize,
            "dump": self._dump,
            "stop": self._end,
        }

    def _restart(self, call: Call) -> None:
        number = call.argument("slot", (int, type(None)))
        slots = list(self._slots) if number is None else [self._slot(number)]
        told = {"restarted": [slot.number for slot in slots]}
        self._restart_next(call, slots, told)

    def _restart_next(self, call: Call, slots: list[Slot], told: dict[str, list[int]]) -> None:
        def go_on(failure: str | None) -> None:
            if failure is not None:
                call.fail(f"worker {slots[0].number}: {failure}")
            else:
                self._restart_next(call, slots[1:], told)

        if slots:
            self._relieve(slots[0], go_on)
        else:
            call.succeed(told)

    def _renew(self, call: Call) -> None:
        self._reload(
            "fastfork reload",
            lambda failure: call.succeed({}) if failure is None else call.fail(failure),
        )

    def _become(self, call: Call) -> None:
        # When it works, whoever is then the master answers.
        self._upgrade("fastfork upgrade", lambda failure: call.fail(failure or ""), call.fd)

    def _resize(self, call: Call) -> None:
        text = call.argument("workers", str)
        wanted = len(self._slots) + int(text) if text[:1] in "+-" else int(text)
        if not 1 <= wanted <= _WORKERS_MAX:
            raise ControlError(f"{wanted} workers can't be; allowed is 1 to {_WORKERS_MAX}")

        def tell(failure: str | None) -> None:
            if failure is None:
                call.succeed({"workers": wanted})
            else:
                call.fail(failure)

        self._scale(wanted, "fastfork scale", tell)

    def _dump(self, call: Call) -> None:
        slot = self._slot(call.argument("slot", int))
        template = self._template()
        process = slot.worker or (template if template and template.pid is not None else None)
        if process is None:
            raise ControlError(f"slot {slot.number} has no worker now")
        self._dumps.begin(call, process, slot=slot.number)

    def _end(self, call: Call) -> None:
        end = self._kill if call.argument("now", bool, default=False) else self._stop
        call.succeed({"pid": os.getpid()})
        end("fastfork stop")

    def _slot(self, number: int) -> Slot:
        if not 0 <= number < len(self._slots):
            raise ControlError(f"there is no slot {number}; slots are 0 to {len(self._slots) - 1}")
        return self._slots[number]


def server_name(settings: Settings, listeners: Sequence[Listener]) -> str:
    """Return what the server is called."""
    return clean(settings.name) if settings.name else name_of(settings.app, listeners[0].url)


class ControlSocket:
    """The control socket of a master: it serves without one rather than not at all."""

    def __init__(
        self, settings: Settings, *, inherited: Listener | None, name: str, log: Log
    ) -> None:
        """Listen where *settings* say, or go on with a listener that is *inherited*."""
        self._log = log
        self.listener = inherited
        self._server: ControlServer | None = None
        if settings.no_control_socket or inherited:
            return
        try:
            path = Path(settings.control_socket) if settings.control_socket else _place(name)
            (self.listener,) = open_listeners([UnixBind(str(path))], backlog=16, umask=_ONLY_US)
        except (OSError, FastforkError) as error:
            self._log.warning(
                f"no control socket: {error}; this server can be steered by signals only"
            )

    def serve(
        self,
        commands: dict[str, Callable[[Call], None]],
        *,
        watch: Watch,
        unwatch: Callable[[int], None],
    ) -> None:
        """Answer from now on."""
        if self.listener:
            fd = self.listener.fd
            self._server = ControlServer(fd, commands, watch=watch, unwatch=unwatch)

    def close(self) -> None:
        """Remove the socket; end every connection."""
        if self._server:
            self._server.close()
        if self.listener:
            self.listener.close()
        self._server = self.listener = None


def _place(name: str) -> Path:
    failure = OSError("there is no folder for it")
    for folder in folders(os.environ, uid=os.geteuid()):
        try:
            prepare(folder)
            return folder / f"{name}{SUFFIX}"
        except OSError as error:
            failure = error
    raise failure

"""Everything that looks at a master from outside, or tells it what to do, in one place."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fastfork.supervisor.admin import Admin
from fastfork.supervisor.census import Census
from fastfork.supervisor.commands import Commands, ControlSocket, server_name
from fastfork.supervisor.dumps import Dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

    from fastfork._native.dispatcher import Dispatcher
    from fastfork.control.server import Watch
    from fastfork.metrics.snapshot import BrokerView
    from fastfork.settings import Settings
    from fastfork.supervisor.commands import Relieve, Reload, Scale, Upgrade
    from fastfork.supervisor.inheritance import Inheritance
    from fastfork.supervisor.listeners import Listener
    from fastfork.supervisor.slots import Slot
    from fastfork.supervisor.template import Template
    from fastfork.worker.logs import Logs


class Steering:
    """Open while it is entered; its descriptors are watched by the master's loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        dispatcher: Dispatcher,
        slots: Sequence[Slot],
        listeners: Sequence[Listener],
        logs: Logs,
        state: Callable[[], str],
        broker: Callable[[], BrokerView | None],
        template: Callable[[], Template | None],
        relieve: Relieve,
        reload: Reload,
        upgrade: Upgrade,
        scale: Scale,
        stop: Callable[[str], None],
        kill: Callable[[str], None],
        watch: Watch,
        unwatch: Callable[[int], None],
        inherited: Inheritance | None,
    ) -> None:
        self.began: float = inherited.began if inherited else time.monotonic()
        name = server_name(settings, listeners)
        self.dumps: Dumps = Dumps(inherited.dumps if inherited else None)
        self._census = Census(
            settings,
            name=name,
            dispatcher=dispatcher,
            slots=slots,
            listeners=listeners,
            logs=logs,
            state=state,
            broker=broker,
            template=template,
            began=self.began,
        )
        self._commands = Commands(
            census=self._census,
            slots=slots,
            dumps=self.dumps,
            template=template,
            relieve=relieve,
            reload=reload,
            upgrade=upgrade,
            scale=scale,
            stop=stop,
            kill=kill,
        )
        self._admin = (
            Admin(
                settings.admin,
                inherited=inherited.admin if inherited else None,
                census=self._census,
                state=state,
                log=logs.error,
            )
            if settings.admin
            else None
        )
        self._socket = ControlSocket(
            settings,
            inherited=inherited.control if inherited else None,
            name=name,
            log=logs.error,
        )
        self._watch = watch
        self._unwatch = unwatch
        self._stack = ExitStack()

    @property
    def listeners(self) -> tuple[Listener | None, Listener | None]:
        """Those of the control socket and of the admin address, for the next image."""
        return self._socket.listener, self._admin.listener if self._admin else None

    def __enter__(self) -> Self:
        """Answer from now on."""
        self._watch(self.dumps.fd, self.dumps.read)
        self._stack.callback(self.dumps.close, self._unwatch)
        self._socket.serve(self._commands.table(), watch=self._watch, unwatch=self._unwatch)
        self._stack.callback(self._socket.close)
        if self._admin:
            self._stack.callback(self._admin.close)
            self._admin.serve(watch=self._watch, unwatch=self._unwatch)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every connection and remove what was made."""
        self._stack.close()

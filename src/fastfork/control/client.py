"""The client of the control socket: `Client` for Python, and what the commands of `fastfork` are made of."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastfork.control.paths import SUFFIX, sockets
from fastfork.control.protocol import ControlError, Reply, Request, decode, encode

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_CONNECT_WITHIN = 2.0


class Client:
    """A connection to one server; every method waits for the result and raises ControlError if it fails.

        with fastfork.control.Client() as server:
            server.restart(2)

    Without arguments it is the only server that runs here; otherwise *name* it (`--name`), or its *path*.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, name: str | None = None
    ) -> None:
        self.path: Path = Path(path) if path is not None else _find(name)
        self._socket = _connect(self.path)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def again(self) -> Client:
        """Return another connection to the same server: a command that takes long holds one up."""
        return Client(self.path)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def call(self, command: str, **arguments: Any) -> Any:
        """Return the result of any *command*."""
        try:
            self._socket.sendall(encode(Request(command, arguments)))
            line = self._file.readline()
        except OSError as error:
            raise ControlError(f"the server went away: {error.strerror}") from None
        if not line:
            raise ControlError("the server ended before it had answered")
        reply = decode(line, Reply)
        if not reply.ok:
            raise ControlError(reply.error)
        return reply.result

    def status(self) -> dict[str, Any]:
        """Return what the server and its workers are and do now, as `fastfork status --json` shows it."""
        status: dict[str, Any] = self.call("status")
        return status

    def restart(self, slot: int | None = None) -> dict[str, Any]:
        """Replace the worker in *slot*, or all of them one after the other; no request is lost."""
        done: dict[str, Any] = self.call("restart", slot=slot)
        return done

    def reload(self) -> None:
        """Replace all workers by ones with the code and settings of now; no request is lost.

        Raises ControlError with the reason if that fails; then those that serve go on.
        """
        self.call("reload")

    def upgrade(self) -> str:
        """Let the server take the version of fastfork that is installed now, in place; return that version.

        Done when all workers are new, as after `reload`. Raises ControlError with the reason if it fails.
        """
        version: str = self.call("upgrade")["version"]
        return version

    def scale(self, workers: str) -> int:
        """Have so many *workers* ("4"), or so many more or fewer ("+1", "-2"); return how many that is.

        Done when new ones serve and old ones have finished. Raises ControlError if it fails.
        """
        done: int = self.call("scale", workers=workers)["workers"]
        return done

    def dump(self, slot: int) -> str:
        """Return where the threads of the worker in *slot* are, as Python stacks; the worker goes on."""
        stacks: str = self.call("dump", slot=slot)["stacks"]
        return stacks

    def stop(self, *, now: bool = False) -> None:
        """Stop the server, *now* or when what runs is finished; return when it has ended."""
        self.call("stop", now=now)
        try:
            while self._file.readline():
                pass
        except OSError:
            pass  # it has ended


def servers() -> list[Path]:
    """Return the sockets of the servers that run here and may be steered by this user."""
    found = []
    for path in sockets(os.environ, uid=os.geteuid()):
        try:
            _connect(path).close()
            found.append(path)
        except ControlError:
            continue  # left by a server that was killed
    return found


def _find(name: str | None) -> Path:
    found = servers()
    if name is not None:
        found = [path for path in found if path.name == f"{name}{SUFFIX}"]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name.removesuffix(SUFFIX) for path in found)
        raise ControlError(f"several servers run here: {names}; choose one with --name")
    which = f"no server called {name!r}" if name is not None else "no server"
    raise ControlError(
        f"{which} runs here, or it belongs to another user;"
        " start one with: fastfork serve, or say where its socket is with --control-socket"
    )


def _connect(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(_CONNECT_WITHIN)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise ControlError(f"nobody answers at {path}: {error.strerror or error}") from None
    sock.settimeout(None)
    return sock

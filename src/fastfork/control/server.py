"""The master's end of the control socket: never waits for a client, and knows no command itself."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Protocol

from fastfork.control.protocol import VERSION, ControlError, Inbox, Reply, Request, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Command = Callable[["Call"], None]

_CLIENTS_MAX = 32


class Watch(Protocol):
    """Calls *act* whenever *fd* is readable."""

    def __call__(self, fd: int, act: Callable[[], None]) -> None: ...


class Call:
    """One request, to be answered now or later, once."""

    def __init__(self, client: _Client, arguments: dict[str, Any]) -> None:
        self._client = client
        self._arguments = arguments

    def argument(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Return an argument; raise ControlError if it is not of *kind*."""
        value = self._arguments.get(name, default)
        if not isinstance(value, kind):
            raise ControlError(f"the argument {name!r} can't be {value!r}")
        return value

    @property
    def fd(self) -> int:
        """The connection that the answer goes to."""
        return self._client.socket.fileno()

    def succeed(self, result: Any) -> None:
        """Answer with *result*."""
        self._client.answer(Reply(True, result))

    def fail(self, error: str) -> None:
        """Answer that it did not work, and why."""
        self._client.answer(Reply(False, error=error))


def answer_late(fd: int, result: Any, failure: str | None) -> None:
    """Answer on the connection *fd*, of the image before this one, with *result* or a *failure*; close it."""
    with socket.socket(fileno=fd) as client:
        try:
            client.send(
                encode(Reply(True, result) if failure is None else Reply(False, error=failure))
            )
        except OSError:
            pass  # nobody waits for it any more


class ControlServer:
    """Answers on a listening socket, by *commands*."""

    def __init__(
        self,
        fd: int,
        commands: Mapping[str, Command],
        *,
        watch: Watch,
        unwatch: Callable[[int], None],
    ) -> None:
        """Take the listening socket *fd*, which stays yours."""
        self.commands = commands
        self._listener = socket.socket(fileno=fd)
        self._watch = watch
        self._unwatch = unwatch
        self._clients: set[_Client] = set()
        watch(fd, self._accept)

    def close(self) -> None:
        """End every connection."""
        for client in list(self._clients):
            self.leave(client)
        self._unwatch(self._listener.fileno())
        self._listener.detach()

    def leave(self, client: _Client) -> None:
        """End one connection."""
        if client in self._clients:
            self._clients.remove(client)
            self._unwatch(client.socket.fileno())
            client.socket.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # gone again, or we are out of descriptors
        sock.setblocking(False)
        if len(self._clients) >= _CLIENTS_MAX:
            sock.close()
            return
        client = _Client(self, sock)
        self._clients.add(client)
        self._watch(sock.fileno(), client.read)


class _Client:
    def __init__(self, server: ControlServer, sock: socket.socket) -> None:
        self.socket = sock
        self._server = server
        self._inbox = Inbox()
        self._waiting: list[bytes] = []
        self._is_busy = False
        """Whether an answer is due."""
        self._is_going_on = False

    def read(self) -> None:
        try:
            octets = self.socket.recv(65_536)
            self._waiting += self._inbox.feed(octets)
        except BlockingIOError:
            return
        except (OSError, ControlError):
            octets = b""
        if octets:
            self._go_on()
        else:
            self._server.leave(self)

    def answer(self, reply: Reply) -> None:
        self._is_busy = False
        line = encode(reply)
        try:
            is_out = self.socket.fileno() < 0 or self.socket.send(line) == len(line)
        except OSError:
            is_out = False
        if not is_out:  # it is gone, or reads nothing: we wait for nobody
            self._server.leave(self)
        elif not self._is_going_on:
            self._go_on()

    def _go_on(self) -> None:
        # One at a time, so that answers come in the order of the requests.
        self._is_going_on = True
        while self._waiting and not self._is_busy:
            self._is_busy = True
            call = Call(self, {})
            try:
                request = decode(self._waiting.pop(0), Request)
                call = Call(self, request.arguments)
                self._find(request)(call)
            except ControlError as error:
                call.fail(str(error))
        self._is_going_on = False

    def _find(self, request: Request) -> Command:
        if request.version != VERSION:
            raise ControlError(
                f"this server speaks version {VERSION} of the control protocol, not {request.version}"
            )
        command = self._server.commands.get(request.command)
        if command is None:
            known = ", ".join(self._server.commands)
            raise ControlError(f"there is no command {request.command!r}; there are: {known}")
        return command

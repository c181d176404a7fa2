"""ASGI 3.0 on a lane, inside an event loop."""

from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from fastfork._native.lane import Lane
from fastfork._native.logs import AccessLines

class Mistake(Exception):
    """The application broke the protocol."""

class Holder(Protocol):
    """Who has a tunnel; all of it is called in the loop."""

    def hear(self, octets: bytes | None, /) -> None:
        """Take what the client sent; None: its end, or that the connection is broken."""

    def leave(self) -> None:
        """This worker ends: close soon."""

class Tunnel:
    """A connection as octets both ways, no longer HTTP."""

    def push(self, data: bytes, /) -> bool:
        """Send *data*; tell whether there is room for more. What the socket does not take is kept."""

    @property
    def is_broken(self) -> bool:
        """Whether nothing more can be sent or heard."""

    def room(self) -> Awaitable[None]:
        """Wait until there is room, or the client is gone."""

    def pause(self) -> None:
        """Hear nothing more; what the client sends waits in its socket."""

    def resume(self) -> None:
        """Begin to hear, or hear again. A new tunnel has to be resumed once."""

    def end(self) -> None:
        """Close the connection when what was pushed is out."""

class Exchange:
    """One request and its answer."""

    def receive(self) -> Awaitable[dict[str, Any]]:
        """Give the next message of the client (ASGI 3.0, HTTP: Request, Disconnect)."""

    def send(self, message: Mapping[str, Any], /) -> Awaitable[None]:
        """Take a message of the application; awaiting it waits while the client is slow.

        Raises RuntimeError for what the specification forbids, OSError when the client is gone.
        """

    def tunnel(self, holder: Holder, /) -> Tunnel:
        """Make a tunnel of the connection. Raises OSError when the client is gone."""

class Gateway:
    """Runs the requests of one lane through one application.

    If the lane is raw, *app(tunnel, client, listener)* is called for each connection, with the client's
    address and port (None by a unix socket) and the listener's number, and returns the tunnel's holder.
    """

    leaving: Future[None]
    """Done when the lane takes nothing new."""
    stopped: Future[None]
    """Done when the lane has ended: no request is running."""

    def __init__(
        self,
        lane: Lane,
        app: Callable[..., Coroutine[Any, Any, None] | Holder],
        *,
        loop: AbstractEventLoop,
        servers: Sequence[tuple[str, str]],
        on_error: Callable[[str, BaseException | None], None],
        access_log: AccessLines | None = None,
        root_path: str = "",
        state: dict[str, Any] | None = None,
        timeout: float = 0,
        upgrade: Callable[[dict[str, Any], Exchange], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Serve *lane* in *loop*, which is running.

        *servers*: (name, port) of each listener, by its number; the port is "" for a unix socket.
        *state*: what the lifespan left, each request gets a copy. After *timeout* seconds without
        http.response.start a request is cancelled and answered 504 (0: never). *upgrade(scope, exchange)*
        runs requests for a WebSocket; without it they are ordinary ones, and the first is told of.
        *on_error(what, exception)* hears of every mistake of the application; it must not raise.
        """

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """Look at the lane no more."""

    @property
    def tasks(self) -> list[Task[None]]:
        """The tasks of applications that have not returned yet, with or without their response sent."""

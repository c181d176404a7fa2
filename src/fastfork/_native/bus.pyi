"""Both ends of the bus: a worker's link, and the master's post beside the hub."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from fastfork._native.dispatcher import Dispatcher

MASTER: int
"""The slot number that stands for the master."""

ELSEWHERE: int
"""The slot number that stands for another server."""

PART: int
"""Octets of a message that go in one piece, at most."""

MESSAGE_MAX: int
"""Octets of a message, at most."""

LATER: int
"""A request said with an id from here to 2**32 - 1 is answered through `Link.answers`."""

Message: TypeAlias = tuple[int, int, int, int, str, bytes]
"""Kind, flags, slot of the sender, id, topic, octets: the first two and the id as in frame.h."""

def packed(message: object) -> tuple[int, bytes]:
    """Return flags and octets of *message*: octets as they are, everything else as msgpack.

    Raises TypeError for what msgpack can't hold.
    """

def framed(
    kind: int,
    flags: int,
    topic: str,
    octets: bytes,
    id: int = 0,  # noqa: A002
) -> bytes:
    """Return a message as it goes through a pipe of the bus. Raises ValueError, as `Link.say`."""

class Handlers(Protocol):
    """Who wants to hear what."""

    @property
    def found(self) -> dict[str, tuple[Callable[[str, Any, int | str], Any], ...]]:
        """The handlers of some topics."""

    def find(self, topic: str) -> tuple[Callable[[str, Any, int | str], Any], ...]:
        """Return those of any topic."""

class Receiver(Protocol):
    """Who messages are delivered to.

    Its handlers get publications, and what was sent to them, from `deliver`: what one of them raises goes to
    `fail`, what it returns that can be awaited to `finish`. Everything else goes to `take`.
    """

    @property
    def handlers(self) -> Handlers: ...
    @property
    def finish(self) -> Callable[[Any, str, Any], object]: ...
    def fail(self, topic: str, error: BaseException) -> None: ...
    def take(self, kind: int, flags: int, number: int, topic: str, octets: bytes) -> None: ...

class Inbox:
    """What came through one pipe, for who reads it itself."""

    def feed(self, octets: bytes) -> list[Message]:
        """Return the messages that *octets* complete. Raises OSError (EPROTO) for what is no frame."""

class Link:
    """A worker's end. `say` and `request` are safe in every thread, `hear` is for one."""

    def __init__(self, ends: Sequence[int], *, limit: int, overflow: str) -> None:
        """Take over the descriptors *ends*, as `Dispatcher.join` gives them.

        At most *limit* octets wait for the hub to take them; *overflow* ("drop-oldest", "drop-new", "block")
        says what becomes of messages beyond. Raises OSError.
        """

    def say(
        self,
        kind: int,
        flags: int,
        topic: str,
        octets: bytes,
        to: int = 0,
        id: int = 0,  # noqa: A002
        now: bool = False,
    ) -> bool:
        """Send a message; return False if there is no room for it.

        What is said soon after something else waits up to 0.1 ms for more to go with it, unless *now*. With
        more than 64 KiB it waits, without the GIL, until the hub has taken all of it. Raises ValueError if
        topic or message are too long, OSError (BrokenPipeError: the master is gone).
        """

    def lose(self) -> None:
        """Count a message as dropped that `say` found no room for; with drop-... it has done so itself."""

    def wait_for_room(self) -> None:
        """Wait up to 0.1 s, without the GIL, for the hub to take something."""

    def tell(self, kind: int, topic: str, message: object, to: int = 0) -> bool:
        """`say` what `packed` makes of *message*."""

    def hear(self) -> bool:
        """Wait, without the GIL, for messages (if `down_fd` is blocking); False when the master is gone."""

    def deliver(self, to: Receiver, most: int = 0) -> bool:
        """Give what was heard, at most *most* messages, to its handlers; return whether there may be more."""

    def request(
        self,
        kind: int,
        flags: int,
        topic: str,
        octets: bytes,
        timeout: float | None,
    ) -> tuple[int, int, bytes] | None:
        """Send a request and wait, without the GIL, for the answer: kind, flags, octets.

        None if there is no room for it. Raises TimeoutError, and what `say` raises.
        """

    on_answers: Callable[[], object] | None
    """Called by `request`, in any thread: there may be `answers`."""

    def collect(self) -> bool:
        """Read what came through `answers_fd`, without waiting; return False when the master is gone.

        Then see `answers`. Raises OSError.
        """

    def answers(self) -> list[tuple[int, int, int, bytes]]:
        """Return the answers to requests with ids from LATER on: id, kind, flags, octets of each."""

    @property
    def down_fd(self) -> int:
        """What `hear` reads."""

    @property
    def answers_fd(self) -> int:
        """What `collect` reads; non-blocking."""

class Post:
    """The master's end, in the process of its dispatcher."""

    def __init__(self, dispatcher: Dispatcher, *, limit: int, overflow: str) -> None:
        """Let at most *limit* octets wait for each worker and the master, then do what *overflow* says."""

    def say(
        self,
        kind: int,
        flags: int,
        topic: str,
        octets: bytes,
        to: int = 0,
        id: int = 0,  # noqa: A002
        now: bool = False,
    ) -> bool:
        """Pass a message on at once; return False if it found no room."""

    def tell(self, kind: int, topic: str, message: object, to: int = 0) -> bool:
        """`say` what `packed` makes of *message*."""

    def deliver(self, to: Receiver) -> None:
        """Give what was said to the master to its handlers."""

    def join_bridge(self) -> tuple[int, ...]:
        """As `Dispatcher.join`, for the bridge to other servers. Raises OSError."""

    def leave_bridge(self) -> None:
        """The bridge is gone: who asked somebody behind it is told."""

    @property
    def dropped(self) -> int:
        """Messages that found no room or nobody."""

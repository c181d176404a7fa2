"""What a master hands to its own next image. Pure, but for the memory it travels in.

Descriptors keep their numbers through execve(2), children stay children, and so does everything that stands
in shared memory; the rest is in an `Inheritance`.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import msgspec

from fastfork.errors import StartError
from fastfork.supervisor.listeners import Listener  # noqa: TC001 - msgspec looks at it
from fastfork.supervisor.retirement import Term  # noqa: TC001 - msgspec looks at it

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from fastfork.settings import Settings

VARIABLE = "FASTFORK_INHERITANCE"
"""Says, as pid:descriptor, where the next image of that process finds it."""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class WorkerLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as `spawn.Worker` knows it."""

    slot: int
    is_leaving: bool
    """Whether its slot has another one, or is gone."""
    pid: int
    lanes: tuple[int, ...]
    pidfd: int
    verdict: int
    said: bytes
    generation: int
    ready_at: float | None
    deadline: float | None
    is_timed_out: bool
    is_killed: bool
    term: Term


class SlotLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A slot, as `slots.Slot` knows it."""

    number: int
    lanes: tuple[int, ...]
    due: float | None
    starts: int
    last_end: str
    ends: dict[str, int]


class Inheritance(msgspec.Struct, frozen=True, kw_only=True):
    """All that the next image needs."""

    version: str
    """Of the image that leaves it."""
    core: bytes
    """`Dispatcher.hand_over`."""
    cells: int
    inbox: tuple[int, int]
    dumps: tuple[int, int]
    listeners: list[Listener]
    control: Listener | None
    admin: Listener | None
    began: float
    """When the server started, on the clock of `time.monotonic`."""
    generation: int
    wanted: int
    """How many workers."""
    interface: str
    slots: list[SlotLeft]
    workers: list[WorkerLeft]
    asker: int | None
    """The connection of who asked for the upgrade and waits to hear how it went."""

    @property
    def fds(self) -> set[int]:
        """What has to stay open, beside what the dispatcher has."""
        listeners = [*self.listeners, self.control, self.admin]
        found = {self.cells, *self.inbox, *self.dumps}
        found |= {listener.fd for listener in listeners if listener is not None}
        found |= {fd for worker in self.workers for fd in (worker.pidfd, worker.verdict)}
        return found if self.asker is None else found | {self.asker}


class Facts(msgspec.Struct, frozen=True):
    """What another version says of itself and of its settings, when it is asked (`fastfork config check`)."""

    version: str
    layout: int
    """`dispatcher.layout`."""
    addresses: dict[str, str]
    """`addresses_of` its settings."""
    error: str = ""
    """Why it could not serve."""


def addresses_of(settings: Settings) -> dict[str, str]:
    """Return what *settings* say of sockets that the next image inherits, by their names."""
    names = ("bind", "admin", "control_socket", "no_control_socket")
    return {name: str(getattr(settings, name)) for name in names}


def refusal(new: Facts, old: Facts) -> str | None:
    """Return why *new* can't take the place of *old*, if it can't."""
    if new.error:
        return new.error
    if new.layout != old.layout:
        return (
            f"version {new.version} lays out shared memory in another way than {old.version} does, and the"
            " workers that run keep to theirs: stop this server and start the new one"
        )
    for name, before in old.addresses.items():
        if (after := new.addresses.get(name)) != before:
            return (
                f"{name} was {before} and would be {after}: listeners can't be changed in place; stop this"
                " server and start the new one"
            )
    return None


def encode(left: Inheritance) -> bytes:
    """Return *left* as octets."""
    return msgspec.msgpack.encode(left)


def decode(octets: bytes) -> Inheritance:
    """Return what `encode` got. Raises StartError for anything else."""
    try:
        return msgspec.msgpack.decode(octets, type=Inheritance)
    except msgspec.MsgspecError as error:
        raise StartError(f"what the version before has left can't be read: {error}") from None


def bequeath(octets: bytes) -> int:
    """Return a descriptor of memory with *octets* in it that nobody can change. Raises OSError."""
    fd = os.memfd_create("ff-inheritance", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as memory:
        memory.write(octets)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def inherit(environ: MutableMapping[str, str], *, pid: int) -> Inheritance | None:
    """Return what the image of *pid* before this one has left, if there was one; *environ* forgets it.

    Raises StartError if it can't be read.
    """
    owner, _, fd = environ.pop(VARIABLE, "").partition(":")
    if owner != str(pid) or not fd.isdecimal():
        return None
    with open(int(fd), "rb") as memory:
        memory.seek(0)
        return decode(memory.read())


def check_command(executable: str, words: Sequence[str], *, fd: int) -> list[str]:
    """Return what asks the version that *words*, a command line with "serve", would start for its `Facts`.

    It writes them, as JSON, to the descriptor *fd*.
    """
    at = words.index("serve")
    ask = ["config", "check", "--facts", str(fd)]
    return [executable, *words[1:at], *ask, *words[at + 1 :]]

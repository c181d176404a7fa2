"""What one image of the master leaves to the next, and when it does not."""

from __future__ import annotations

import os

import msgspec
import pytest

from fastfork.errors import StartError
from fastfork.settings import Settings
from fastfork.supervisor.inheritance import (
    VARIABLE,
    Facts,
    Inheritance,
    SlotLeft,
    WorkerLeft,
    addresses_of,
    bequeath,
    check_command,
    decode,
    encode,
    inherit,
    refusal,
)
from fastfork.supervisor.listeners import Listener
from fastfork.supervisor.retirement import Term

LISTENER = Listener(fd=6, url="http://127.0.0.1:8000", server=("127.0.0.1", "8000"))
ON_A_PATH = Listener(
    fd=14, url="unix:/run/x", server=("localhost", "80"), path="/run/x", inode=(1, 2)
)
WORKER = WorkerLeft(
    slot=0,
    is_leaving=False,
    pid=100,
    lanes=(0, 2),
    pidfd=20,
    verdict=21,
    said=b"ready wsgi",
    generation=3,
    ready_at=12.5,
    deadline=None,
    is_timed_out=False,
    is_killed=False,
    term=Term(requests=100, memory=1 << 30, lifetime=60.0),
)
SLOT = SlotLeft(
    number=0, lanes=(0, 2), due=None, starts=4, last_end="died: SIGKILL", ends={"signal": 1}
)
LEFT = Inheritance(
    version="1.0",
    core=b"\0\1",
    cells=3,
    inbox=(4, 5),
    dumps=(12, 13),
    listeners=[LISTENER],
    control=ON_A_PATH,
    admin=None,
    began=1.5,
    generation=3,
    wanted=2,
    interface="wsgi",
    slots=[SLOT],
    workers=[WORKER],
    asker=17,
)
OLD = Facts("1.0", 7, addresses_of(Settings(app="x")))
ELSEWHERE = addresses_of(Settings(app="x", admin="127.0.0.1:9000"))

LEFTOVERS = {
    "all": LEFT,
    "no sockets but its own": msgspec.structs.replace(LEFT, control=None, asker=None),
    "a worker that starts": msgspec.structs.replace(
        LEFT,
        workers=[msgspec.structs.replace(WORKER, said=b"", ready_at=None, deadline=60.5)],
    ),
    "a slot without a worker": msgspec.structs.replace(LEFT, workers=[]),
}

REFUSALS = {
    "the same": (Facts("1.0", 7, OLD.addresses), None),
    "another version": (Facts("2.0", 7, OLD.addresses), None),
    "another layout": (Facts("2.0", 8, OLD.addresses), "version 2.0 lays out shared memory"),
    "other addresses": (Facts("2.0", 7, ELSEWHERE), "admin was None and would be 127.0.0.1:9000"),
    "an error": (Facts("2.0", 8, {}, "there is no module 'x'"), "there is no module 'x'"),
}

COMMANDS = {
    "script": (
        ["python", "/venv/bin/fastfork", "serve", "a:app", "-w", "2"],
        ["/bin/py", "/venv/bin/fastfork", "config", "check", "--facts", "9", "a:app", "-w", "2"],
    ),
    "module": (
        ["python3", "-m", "fastfork", "serve", "serve:app"],
        ["/bin/py", "-m", "fastfork", "config", "check", "--facts", "9", "serve:app"],
    ),
    "options of the interpreter": (
        ["python", "-X", "dev", "-m", "fastfork", "serve"],
        ["/bin/py", "-X", "dev", "-m", "fastfork", "config", "check", "--facts", "9"],
    ),
}


@pytest.mark.parametrize("left", LEFTOVERS.values(), ids=LEFTOVERS.keys())
def test_what_is_left_is_inherited_as_it_was(left: Inheritance) -> None:
    assert decode(encode(left)) == left


@pytest.mark.parametrize(
    "octets", [b"", b"\xc1", encode(LEFT)[:-1], msgspec.msgpack.encode({"version": "1.0"})]
)
def test_anything_else_is_refused(octets: bytes) -> None:
    with pytest.raises(StartError, match="what the version before has left can't be read"):
        decode(octets)


def test_descriptors_are_found_wherever_they_stand() -> None:
    assert LEFT.fds == {3, 4, 5, 6, 12, 13, 14, 17, 20, 21}
    assert LEFTOVERS["no sockets but its own"].fds == LEFT.fds - {14, 17}


@pytest.mark.parametrize(("new", "why"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_version_that_does_not_fit_is_told_why(new: Facts, why: str | None) -> None:
    told = refusal(new, OLD)

    assert (told or "").startswith(why or "")
    assert (told is None) == (why is None)


@pytest.mark.parametrize(("words", "asked"), COMMANDS.values(), ids=COMMANDS.keys())
def test_new_version_is_asked_with_the_words_it_would_be_started_with(
    words: list[str], asked: list[str]
) -> None:
    assert check_command("/bin/py", words, fd=9) == asked


def test_memory_in_between_can_not_be_changed() -> None:
    fd = bequeath(encode(LEFT))

    with pytest.raises(PermissionError):
        os.pwrite(fd, b"x", 0)

    environ = {VARIABLE: f"100:{fd}", "HOME": "/"}
    assert inherit(environ, pid=100) == LEFT
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("value", ["", "99:5", "100", "100:", "x"])
def test_what_is_not_ours_is_not_inherited(value: str) -> None:
    environ = {VARIABLE: value}

    assert inherit(environ, pid=100) is None
    assert environ == {}

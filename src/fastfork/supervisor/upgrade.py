"""Hot upgrade: the master asks the new version what it is, and then becomes it, in place.

The question is put to a child that starts as the new master would, loads settings and application, and
says how it lays out shared memory. Only then is there something that can't be undone: execve(2). Pid,
children and descriptors stay; workers serve on, and are replaced by a reload that the new master begins.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from fastfork._native.dispatcher import layout
from fastfork._version import __version__
from fastfork.config.surroundings import Start
from fastfork.supervisor import pidfds, words
from fastfork.supervisor.inheritance import (
    VARIABLE,
    Facts,
    Inheritance,
    addresses_of,
    bequeath,
    check_command,
    encode,
    inherit,
    refusal,
)
from fastfork.supervisor.systemd import SOCKETS

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, MutableMapping

    from fastfork.control.server import Watch
    from fastfork.log import Log
    from fastfork.settings import Settings
    from fastfork.supervisor.relief import Tell

_GLANCE = 0.05
"""Seconds between two looks whether the server is at rest."""

_FACTS_ROOM = 65_536


class Image(NamedTuple):
    """How this process was started, and can be again."""

    words: list[str]
    """The command line, as the interpreter got it."""
    environ: dict[str, str]
    folder: str
    inherited: Inheritance | None = None
    """What the image before this one has left."""


def image_of(environ: MutableMapping[str, str]) -> Image:
    """Return how this process was started. Raises StartError if what it inherited can't be read."""
    inherited = inherit(environ, pid=os.getpid())
    kept = {name: value for name, value in environ.items() if name not in SOCKETS}
    return Image(list(sys.orig_argv), kept, Start().folder, inherited)


class _Wish(NamedTuple):
    """Somebody wants an upgrade."""

    tell: Tell
    """To be told why there is none."""
    asker: int | None
    """The connection on which the new version tells how it went."""


class _Check(NamedTuple):
    """A new version that is asked what it is."""

    process: subprocess.Popen[bytes]
    pidfd: int
    said: int
    """What its facts come from."""
    until: float | None
    wish: _Wish


class Upgrade:
    """Asks a new version, waits until nobody is being started, and hands over to it."""

    def __init__(
        self,
        settings: Settings,
        image: Image | None,
        *,
        is_at_rest: Callable[[], bool],
        hand_over: Callable[[int | None], Inheritance],
        survive: Callable[[bool], None],
        go_on: Callable[[], None],
        watch: Watch,
        unwatch: Callable[[int], None],
        log: Log,
    ) -> None:
        """*hand_over* ends what can't be handed over and returns the rest; *go_on* starts that again.

        *survive* is told whether the dispatcher's descriptors stay open in another image.
        """
        self._settings = settings
        self._image = image
        self._is_at_rest = is_at_rest
        self._hand_over = hand_over
        self._survive = survive
        self._go_on = go_on
        self._watch = watch
        self._unwatch = unwatch
        self._log = log
        self._check: _Check | None = None
        self._agreed: _Wish | None = None
        """For which a new version takes over as soon as the server is at rest."""

    @property
    def pid(self) -> int | None:
        """The process that is asked, while there is one."""
        return self._check.process.pid if self._check else None

    def begin(self, why: str, tell: Tell, *, asker: int | None = None) -> None:
        """Upgrade, or *tell* why not; *asker* is a connection that the new version tells how it went."""
        self._log.info(f"{why}: upgrading")
        if self._check is not None or self._agreed is not None:
            tell("another upgrade is going on")
        elif self._image is None or "serve" not in self._image.words:
            self._refuse("only a server that was started by `fastfork serve` can be upgraded", tell)
        else:
            try:
                self._check = self._ask(self._image, _Wish(tell, asker))
            except OSError as error:
                self._refuse(f"the new version can't be started: {error.strerror}", tell)
                return
            self._watch(self._check.pidfd, self._on_answer)

    def next_look(self) -> float | None:
        """Return when to look, if ever."""
        if self._agreed is not None:
            return time.monotonic() + _GLANCE
        return self._check.until if self._check else None

    def look(self) -> None:
        """Hand over if it is time; end a version that takes too long to say what it is."""
        if self._agreed is not None and self._is_at_rest():
            self._execute(self._agreed)
        check = self._check
        if check is not None and check.until is not None and check.until <= time.monotonic():
            check.process.kill()

    def end(self) -> None:
        """Upgrade no more."""
        self._agreed = None
        if self._check is not None:
            self._check.process.kill()
            self._conclude(self._check)

    def _ask(self, image: Image, wish: _Wish) -> _Check:
        import subprocess

        said, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                check_command(sys.executable, image.words, fd=theirs),
                cwd=image.folder,
                env=image.environ,
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs],
            )
            pidfd = pidfds.of(process.pid)
        except OSError:
            os.close(said)
            raise
        finally:
            os.close(theirs)
        within = self._settings.boot_timeout
        until = time.monotonic() + within if within else None
        return _Check(process, pidfd, said, until, wish)

    def _on_answer(self) -> None:
        check = self._check
        assert check is not None
        try:
            octets = os.read(check.said, _FACTS_ROOM)
        except BlockingIOError:  # what it has started lives on
            octets = b""
        status = self._conclude(check)
        try:
            new = msgspec.json.decode(octets, type=Facts)
        except msgspec.MsgspecError:
            late = check.until is not None and check.until <= time.monotonic()
            how = "took too long" if late else f"ended with {words.cause_of(status)}"
            self._refuse(f"the new version {how} and did not say what it is", check.wish.tell)
            return
        old = Facts(__version__, layout(), addresses_of(self._settings))
        if (why := refusal(new, old)) is not None:
            self._refuse(why, check.wish.tell)
            return
        self._agreed = check.wish
        self._log.info(f"version {new.version} can serve {self._settings.app}: it takes over")

    def _conclude(self, check: _Check) -> int:
        self._unwatch(check.pidfd)
        status = check.process.wait()
        os.close(check.pidfd)
        os.close(check.said)
        self._check = None
        return status

    def _execute(self, wish: _Wish) -> None:
        """Become the new version."""
        image, self._agreed = self._image, None
        assert image is not None
        left = self._hand_over(wish.asker)
        memory = bequeath(encode(left))
        self._inherit({*left.fds, memory}, on=True)
        try:
            os.chdir(image.folder)
            environ = {**image.environ, VARIABLE: f"{os.getpid()}:{memory}"}
            os.execve(sys.executable, [sys.executable, *image.words[1:]], environ)
        except OSError as error:
            self._inherit({*left.fds, memory}, on=False)
            os.close(memory)
            self._go_on()
            self._refuse(f"{sys.executable} can't be executed: {error.strerror}", wish.tell)

    def _inherit(self, fds: set[int], *, on: bool) -> None:
        self._survive(on)
        for fd in fds:
            os.set_inheritable(fd, on)

    def _refuse(self, why: str, tell: Tell) -> None:
        self._log.error(f"not upgraded, all goes on as it is: {why}")
        tell(why)

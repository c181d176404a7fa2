"""Old logs: when a file is renamed and a new one begun, which old ones are compressed, and which go.

The master renames and lets everybody reopen; nothing is copied and no line is lost. An old file is
compressed when no process has it open any more, by a small program of its own: it would hold the master up.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork.log import Log, LogFile
    from fastfork.settings import Settings

_LOOK = 1.0
_MIB = 1 << 20
_STAMP = "%Y%m%d-%H%M%S"
_OLD = re.compile(r"\.\d{8}-\d{6}(\.gz)?")

_COMPRESS = """
import gzip, os, shutil, sys
path = sys.argv[1]
os.nice(10)
with open(path, "rb") as old, gzip.open(path + ".part", "wb", 6) as new:
    shutil.copyfileobj(old, new, 1 << 20)
shutil.copystat(path, path + ".part")
os.replace(path + ".part", path + ".gz")
os.unlink(path)
"""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """When a file is full."""

    size: int = 0
    """Octets; 0: any."""
    age: float = 0.0
    """Seconds of a period, counted from midnight; 0: any."""

    def is_due(self, *, size: int, begun: float, now: float) -> bool:
        """Return whether a file of *size* octets, whose first line is of *begun*, is renamed *now*.

        Times are seconds since 1970, on the clock of the place.
        """
        if size == 0:
            return False
        is_large = 0 < self.size <= size
        return is_large or (self.age > 0 and begun // self.age != now // self.age)


def old_names(name: str, names: Iterable[str]) -> list[str]:
    """Return those of *names* that are old files of the log *name*, the oldest first."""
    return sorted(
        other for other in names if other.startswith(name) and _OLD.fullmatch(other[len(name) :])
    )


def surplus(old: list[str], *, keep: int) -> list[str]:
    """Return which of *old*, the oldest first, are removed when *keep* may stay; 0: all may."""
    return old[: max(0, len(old) - keep)] if keep else []


class _Watched:
    """One log file."""

    def __init__(self, file: LogFile, path: str) -> None:
        self.fd = file.fd
        self.path = path
        self.folder, self.name = os.path.split(path)
        status = os.fstat(file.fd)
        # What was written before this start may be of another day.
        self.begun = _local(status.st_mtime if status.st_size else time.time())

    def old_paths(self) -> list[str]:
        """Return the old files, the oldest first."""
        names = old_names(self.name, os.listdir(self.folder))
        return [os.path.join(self.folder, name) for name in names]

    def is_held(self, path: str, pids: Iterable[int]) -> bool:
        """Return whether one of *pids* still writes to the old file."""
        status = os.stat(path)
        return any(os.path.samestat(status, other) for other in map(self._open_in, pids) if other)

    def _open_in(self, pid: int) -> os.stat_result | None:
        try:
            return os.stat(f"/proc/{pid}/fd/{self.fd}")
        except OSError:
            return None


class Rotation:
    """Looks after the log files, once a second if there is something to look after."""

    def __init__(self, settings: Settings, files: Iterable[LogFile], *, log: Log) -> None:
        self._log = log
        self._rule = Rule(size=settings.log_max_size * _MIB, age=settings.log_max_age)
        self._keep = settings.log_keep
        self._compress = settings.log_compress
        is_on = bool(self._rule.size or self._rule.age)
        paths = {file.path: file for file in files if file.path and os.path.isfile(file.path)}
        self._watched = [_Watched(file, path) for path, file in paths.items() if is_on]
        self.packer: int | None = None
        """The process that compresses."""
        self._packed = ""
        self._next = time.monotonic() if self._watched else None

    def next_look(self) -> float | None:
        """Return when to look again, or None if there is nothing to look after."""
        return self._next

    def look(self, pids: Iterable[int]) -> bool:
        """Rename what is full; return whether the logs must be reopened, by us and by *pids*."""
        if self._next is None or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _LOOK
        renamed = False
        try:
            for watched in self._watched:
                renamed = self._rotate(watched) or renamed
            if not renamed:
                self._tidy([os.getpid(), *pids])
        except OSError as error:
            self._log.error(f"can't rotate {error.filename!r}: {error.strerror}")
        return renamed

    def close(self) -> None:
        """Stop compressing; the next start goes on with it."""
        if self.packer:
            os.kill(self.packer, signal.SIGKILL)
            os.waitpid(self.packer, 0)
            self.packer = None
            _remove(f"{self._packed}.part")

    def _rotate(self, watched: _Watched) -> bool:
        now = _local(time.time())
        size = os.fstat(watched.fd).st_size
        if not self._rule.is_due(size=size, begun=watched.begun, now=now):
            return False
        old = f"{watched.path}.{time.strftime(_STAMP)}"
        if os.path.lexists(old):
            return False  # in the same second: at the next look
        os.rename(watched.path, old)
        watched.begun = now
        return True

    def _tidy(self, pids: list[int]) -> None:
        is_packing = self._is_packing()
        for watched in self._watched:
            old = watched.old_paths()
            for path in surplus(old, keep=self._keep):
                _remove(path)
            if self._compress and not is_packing:
                plain = [path for path in old if not path.endswith(".gz") and os.path.exists(path)]
                ready = [path for path in plain if not watched.is_held(path, pids)]
                if ready:
                    self._pack(ready[0])
                    return

    def _pack(self, path: str) -> None:
        command = [sys.executable, "-I", "-S", "-c", _COMPRESS, path]
        self.packer = os.posix_spawn(sys.executable, command, os.environ)
        self._packed = path

    def _is_packing(self) -> bool:
        if not self.packer:
            return False
        try:
            ended, _ = os.waitpid(self.packer, os.WNOHANG)
        except ChildProcessError:  # reaped with the orphans of a container
            ended = self.packer
        if not ended:
            return True
        self.packer = None
        if os.path.exists(self._packed):
            self._log.error(
                f"can't compress {self._packed!r}; old logs stay as they are from now on"
            )
            self._compress = False
        return False


def _local(seconds: float) -> float:
    return seconds + time.localtime(seconds).tm_gmtoff


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass

"""Log files, and the error log: one line, one write.

The standard logging package is left out on purpose: it costs the master a tenth of its start, and its locks
don't survive a fork well. A line is a single write(2) to a descriptor opened with O_APPEND, so lines of
many processes never mix. Whatever the write answers (disk full, reader gone, pipe full), the line is lost
and counted, and the service goes on.
"""

from __future__ import annotations

import os
import stat
import time
from io import BufferedWriter, RawIOBase, TextIOBase, TextIOWrapper
from typing import TYPE_CHECKING

from fastfork._native import logs
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("debug", "info", "warning", "error", "critical")

# O_NONBLOCK: a pipe or terminal whose reader has stopped must hold nobody up; a disk does not mind.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

# A quote or a backslash would end a quoted field of a log, a control octet could forge a line.
_ESCAPES = {i: f"\\x{i:02x}" for i in (*range(0x20), *range(0x7F, 0x100))}
_ESCAPES |= {ord('"'): '\\"', ord("\\"): "\\\\"}


def escape(text: str) -> str:
    """Return *text* with everything escaped that could end a quoted field or a line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.translate(_ESCAPES)


def without_password(url: str) -> str:
    """Return *url* as it may be shown."""
    scheme, mark, rest = url.partition("://")
    place, at, host = rest.rpartition("@")
    user = place.partition(":")[0]
    return f"{scheme}{mark}{user}:***{at}{host}" if at else url


class LogFile:
    """A file that lines are appended to, by every process that has inherited it."""

    def __init__(self, path: str, *, setting: str, dash: int) -> None:
        """Open *path*; "-" is the descriptor *dash*. Raises ConfigError, which names *setting*."""
        self.path: str | None = None if path == "-" else os.path.abspath(path)
        """None for what was inherited: it can't be opened anew."""
        try:
            self.fd: int = _open_own(dash) if self.path is None else _open(self.path)
        except OSError as error:
            raise ConfigError(f"{setting}: can't open {path!r}: {error.strerror}") from None
        self._is_ours = self.path is not None or self.fd != dash
        self._lines = logs.Lines(self.fd)

    @property
    def lost(self) -> int:
        """Lines that this process could not write."""
        return self._lines.lost

    def write(self, text: str) -> None:
        """Append *text*; what can't be written is lost."""
        self._lines.write(text.encode("utf-8", "backslashreplace"))

    def reopen(self) -> None:
        """Go on in what stands at the path now: somebody has renamed the file. Raises OSError."""
        if self.path is not None:
            replace(self.fd, self.path)

    def close(self) -> None:
        """Close the descriptor if it was opened here."""
        if self._is_ours:
            os.close(self.fd)


def replace(fd: int, path: str) -> None:
    """Make *fd* append to what stands at *path* now, for all who know the number. Raises OSError."""
    fresh = _open(path)
    os.dup2(fresh, fd, inheritable=False)
    os.close(fresh)


def _open(path: str) -> int:
    return os.open(path, _APPEND | os.O_CREAT, 0o644)


def _open_own(fd: int) -> int:
    # Others have the same open file and expect it to block; where it matters we need one of our own.
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISCHR(kind)):
        return fd
    try:
        return os.open(f"/proc/self/fd/{fd}", _APPEND)
    except OSError:
        return fd


class Log:
    """Writes lines like `[2026-11-22 05:35:12 +0000] [1000] [INFO] message`."""

    def __init__(
        self,
        file: LogFile,
        *,
        level: str = "info",
        divert: Callable[[str, str], None] | None = None,
    ) -> None:
        """Write to *file*; or give level and message to *divert* instead."""
        self.file = file
        self.level = level
        self._divert = divert
        self._lost = 0
        """Lines of ours that nobody has been told of."""

    def debug(self, message: str) -> None:
        """Write what only a developer of the server wants to know."""
        self.write("debug", message)

    def info(self, message: str) -> None:
        """Write what an operator expects."""
        self.write("info", message)

    def warning(self, message: str) -> None:
        """Write what an operator should look at some day."""
        self.write("warning", message)

    def error(self, message: str) -> None:
        """Write what an operator should look at now."""
        self.write("error", message)

    def write(self, level: str, message: str) -> None:
        """Write *message* if *level* (one of LEVELS) is high enough."""
        if self._divert is not None:
            self._divert(level, message)
        elif LEVELS.index(level) >= LEVELS.index(self.level):
            before = self.file.lost
            self.file.write(self._told() + _line(level, message))
            self._lost = self._lost + 1 if self.file.lost > before else 0

    def _told(self) -> str:
        if self._lost == 0:
            return ""
        return _line(
            "warning", f"{self._lost} lines of this log are lost: they could not be written"
        )


def _line(level: str, message: str) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"[{stamp}] [{os.getpid()}] [{level.upper()}] {message}\n"


class ErrorStream(TextIOBase):
    """`wsgi.errors`: what the application writes goes to the error log as it is, and never fails."""

    def __init__(self, file: LogFile) -> None:
        self._file = file

    def writable(self) -> bool:
        """Say that this stream can be written to."""
        return True

    def write(self, text: str) -> int:
        """Write *text* at once."""
        self._file.write(text)
        return len(text)


class _Raw(RawIOBase):
    def __init__(self, file: LogFile) -> None:
        self._lines = logs.Lines(file.fd)

    def writable(self) -> bool:
        return True

    def write(self, octets: object) -> int:
        text = bytes(octets)  # type: ignore[call-overload]
        self._lines.write(text)
        return len(text)


def stream_to(file: LogFile) -> TextIOWrapper:
    """Return what can be sys.stdout or sys.stderr: whole lines go to *file*, and it never fails."""
    return TextIOWrapper(
        BufferedWriter(_Raw(file)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )

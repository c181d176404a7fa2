"""The error log: one line, one write.

The standard logging package is left out on purpose: it costs the master a tenth of its start, and its locks
don't survive a fork well. A line is a single write(2) to a descriptor opened with O_APPEND, so lines of
many processes never mix. Whatever the write answers (disk full, reader gone, pipe full), the line is lost
and the service goes on.
"""

from __future__ import annotations

import os
import select
import time
from io import TextIOBase

from fastfork.errors import ConfigError

LEVELS = ("debug", "info", "warning", "error", "critical")

# A quote or a backslash would end a quoted field of the access log, a control octet could forge a line.
_ESCAPES = {i: f"\\x{i:02x}" for i in (*range(0x20), *range(0x7F, 0x100))}
_ESCAPES |= {ord('"'): '\\"', ord("\\"): "\\\\"}


def escape(text: str) -> str:
    """Return *text* with everything escaped that could end a quoted field or a line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.translate(_ESCAPES)


def write_line(fd: int, line: str) -> None:
    """Append *line* to *fd* in one write; what can't be written is lost."""
    _write(fd, f"{line}\n")


def _write(fd: int, text: str) -> None:
    # A pipe whose reader has stopped, or a terminal at Ctrl-S, would hold the master up with the log.
    # It can't be made non-blocking: others write to the same open file.
    room = select.poll()
    room.register(fd, select.POLLOUT)
    try:
        if room.poll(0):
            os.write(fd, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def open_log(path: str, *, setting: str, dash: int) -> int:
    """Return a descriptor that appends to *path*; "-" is the descriptor *dash*."""
    if path == "-":
        return dash
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{setting}: can't open {path!r}: {error.strerror}") from None


class Log:
    """Writes lines like `[2026-11-22 05:35:12 +0000] [1000] [INFO] message` to a descriptor."""

    def __init__(self, fd: int, *, level: str = "info") -> None:
        self.fd = fd
        self._threshold = LEVELS.index(level)

    def debug(self, message: str) -> None:
        """Write what only a developer of the server wants to know."""
        self._write(0, message)

    def info(self, message: str) -> None:
        """Write what an operator expects."""
        self._write(1, message)

    def warning(self, message: str) -> None:
        """Write what an operator should look at some day."""
        self._write(2, message)

    def error(self, message: str) -> None:
        """Write what an operator should look at now."""
        self._write(3, message)

    def _write(self, level: int, message: str) -> None:
        if level >= self._threshold:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S %z")
            write_line(self.fd, f"[{stamp}] [{os.getpid()}] [{LEVELS[level].upper()}] {message}")


class ErrorStream(TextIOBase):
    """`wsgi.errors`: what the application writes goes to the error log as it is, and never fails."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def writable(self) -> bool:
        """Say that this stream can be written to."""
        return True

    def write(self, text: str) -> int:
        """Write *text* at once."""
        _write(self._fd, text)
        return len(text)

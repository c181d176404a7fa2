"""The logs of one server: opened by the master, inherited by workers, written by whoever has a line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from fastfork.log import Log, LogFile, stream_to
from fastfork.worker.access_log import AccessLog

if TYPE_CHECKING:
    from fastfork.settings import Settings


class Logs:
    """Error log and access log, with the files behind them."""

    def __init__(self, settings: Settings) -> None:
        """Open what *settings* name. Raises ConfigError."""
        self._settings = settings
        self._is_configured = settings.log_config is not None
        """Whether the standard logging package decides where lines go."""
        self.files: list[LogFile] = []
        try:
            self.error: Log = self._open_error()
            self.access: AccessLog | None = self._open_access()
        except BaseException:
            self.close()
            raise

    def _open_error(self) -> Log:
        settings = self._settings
        file = LogFile(settings.error_logfile, setting="error_logfile", dash=2)
        self.files.append(file)
        if settings.log_config is None:
            return Log(file, level=settings.log_level)
        from fastfork.worker import loggers

        loggers.configure(settings.log_config)
        plain = Log(file, level=settings.log_level)
        loggers.attach(loggers.ERROR, plain.write, level=settings.log_level)
        return Log(file, divert=loggers.divert)

    def _open_access(self) -> AccessLog | None:
        settings = self._settings
        file = None
        if settings.access_logfile is not None:
            file = LogFile(settings.access_logfile, setting="access_logfile", dash=1)
            self.files.append(file)
        if self._is_configured:
            from fastfork.worker import loggers

            if loggers.has_access():
                return AccessLog(None, settings.access_log_format, sink=loggers.divert_access)
        return AccessLog(file, settings.access_log_format) if file else None

    @property
    def fds(self) -> set[int]:
        """What a worker must keep open."""
        own = {file.fd for file in self.files}
        if self._is_configured:
            from fastfork.worker import loggers

            own |= loggers.descriptors()
        return own

    @property
    def access_path(self) -> str | None:
        """Where the access log stands, if it is a file of ours."""
        return self.access.file.path if self.access and self.access.file else None

    def adopt(self) -> None:
        """In a worker, before the application is loaded: lead its output and its loggers here."""
        from fastfork.worker import loggers

        loggers.attach(loggers.ERROR, self.error.write, level=self.error.level)
        if self.access and self.access.file:
            file = self.access.file
            loggers.attach(loggers.ACCESS, lambda _, line: file.write(f"{line}\n"), level="info")
        if self._settings.capture_output:
            self._capture()

    def reopen(self) -> None:
        """Go on in the files that stand at the paths now; say so if that fails."""
        try:
            for file in self.files:
                file.reopen()
            if self._is_configured:
                from fastfork.worker import loggers

                loggers.reopen()
            if self._settings.capture_output:
                self._capture_descriptors()
        except OSError as error:
            self.error.error(f"can't reopen the log {error.filename!r}: {error.strerror}")

    def close(self) -> None:
        """Close what was opened."""
        for file in self.files:
            file.close()
        self.files = []

    def _capture(self) -> None:
        self._capture_descriptors()
        sys.stdout = stream_to(self.error.file)
        sys.stderr = stream_to(self.error.file)

    def _capture_descriptors(self) -> None:
        # For what the application starts, and for C. Not our own open file, which does not block.
        source = 2 if self.error.file.path is None else self.error.file.fd
        for fd in {1, 2} - {source}:
            os.dup2(source, fd)

"""The standard logging package: where the loggers `fastfork.error` and `fastfork.access` lead.

Imported by workers, whose applications expect it; by the master only with `--log-config`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastfork.errors import ConfigError
from fastfork.log import LEVELS, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ERROR = "fastfork.error"
ACCESS = "fastfork.access"


class _Handler(logging.Handler):
    """Hands records to a log of ours."""

    def __init__(self, write: Callable[[str, str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(_level_of(record), self.format(record))
        except Exception:  # a record that can't be formatted: logging says so on stderr
            self.handleError(record)


def _level_of(record: logging.LogRecord) -> str:
    at = min(max(record.levelno // 10 - 1, 0), len(LEVELS) - 1)
    return LEVELS[at]


def attach(name: str, write: Callable[[str, str], None], *, level: str) -> None:
    """Let what is logged to *name* end in *write* (level, message), unless a handler is there already."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(_Handler(write))
        logger.setLevel(level.upper())
        logger.propagate = False


def divert(level: str, message: str) -> None:
    """Log a line of the error log."""
    logging.getLogger(ERROR).log(getattr(logging, level.upper()), "%s", message)


def divert_access(line: str) -> None:
    """Log a line of the access log."""
    logging.getLogger(ACCESS).info("%s", line)


def configure(path: str) -> None:
    """Read a configuration of logging from *path*; raise ConfigError, which says what is wrong."""
    try:
        _configure(path)
    except OSError as error:
        raise ConfigError(f"log_config: can't read {path!r}: {error.strerror}") from None
    except Exception as error:  # dictConfig raises whatever a handler's constructor raises
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise ConfigError(f"log_config: {path!r} can't be used: {error}{cause}") from None


def _configure(path: str) -> None:
    import json  # every worker imports this file, and most need none of these
    import logging.config
    import tomllib

    if path.endswith((".toml", ".json")):
        with open(path, "rb") as file:
            found = tomllib.load(file) if path.endswith(".toml") else json.load(file)
        # Otherwise the loggers of modules that are imported already would fall silent.
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **found})
        return
    with open(path, encoding="utf-8"):
        pass  # fileConfig says of a missing file only that it is empty
    logging.config.fileConfig(path, disable_existing_loggers=False)


def has_access() -> bool:
    """Return whether the configuration says where the access log goes."""
    return bool(logging.getLogger(ACCESS).handlers)


def descriptors() -> set[int]:
    """Return what the handlers have open."""
    found = set()
    for handler in _handlers():
        for name in ("stream", "socket", "sock"):
            try:
                found.add(int(getattr(handler, name).fileno()))
            except (AttributeError, OSError, TypeError, ValueError):
                continue  # it has none, or it is closed
    return found


def reopen() -> None:
    """Let every handler of a file go on in what stands at its path now. Raises OSError."""
    for handler in _handlers():
        # By the number, not by the stream: somebody may be in the middle of a write.
        if isinstance(handler, logging.FileHandler) and handler.stream is not None:
            replace(handler.stream.fileno(), handler.baseFilename)


def _handlers() -> Iterator[logging.Handler]:
    seen: set[int] = set()
    known: list[Any] = list(logging.root.manager.loggerDict.values())
    for logger in (logging.root, *known):
        for handler in getattr(logger, "handlers", ()):
            if id(handler) not in seen:
                seen.add(id(handler))
                yield handler

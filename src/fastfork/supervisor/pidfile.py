"""The file that tells scripts which process the master is."""

from __future__ import annotations

import os

from fastfork.errors import ConfigError, StartError


class PidFile:
    """Holds this process's pid in *path* from `write` to `remove`."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)

    def write(self) -> None:
        """Put our pid there at once and whole; raise StartError if a live process stands in it."""
        owner = self._read()
        if owner not in (None, os.getpid()) and _is_alive(owner):
            raise StartError(
                f"{self._path} names process {owner}, which is running; stop it, or use another --pid"
            )
        draft = f"{self._path}.{os.getpid()}"
        try:
            with open(draft, "w", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")
            os.replace(draft, self._path)
        except OSError as error:
            raise ConfigError(f"pid: can't write {self._path!r}: {error.strerror}") from None

    def remove(self) -> None:
        """Remove the file if it still holds our pid."""
        if self._read() == os.getpid():
            os.unlink(self._path)

    def _read(self) -> int | None:
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                return int(file.read(32))
        except (OSError, ValueError):
            return None


def _is_alive(pid: int | None) -> bool:
    if pid is None or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True

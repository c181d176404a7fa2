"""Where large bodies wait until the application runs."""

from __future__ import annotations

import os
from tempfile import gettempdir
from typing import TYPE_CHECKING

from fastfork.errors import StartError

if TYPE_CHECKING:
    from fastfork.settings import Settings


def room_for_bodies(settings: Settings) -> tuple[int, str]:
    """Return how many octets of a body may wait in a temporary file, and in which directory.

    Without a directory that temporary files can be made in none may. Raises StartError if *settings* name
    one that they can't be made in.
    """
    if settings.max_spool == 0:
        return 0, ""
    if (folder := settings.spool_dir) is not None:
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return settings.max_spool, os.path.abspath(folder)
        raise StartError(
            f"spool_dir: can't make files in {folder!r}: give a directory that the workers may write in"
        )
    try:
        return settings.max_spool, gettempdir()
    except FileNotFoundError:  # a container that can be read only: they are streamed
        return 0, ""

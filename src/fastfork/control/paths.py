"""Where control sockets stand, so that a command finds its server without being told."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".sock"


def folders(environ: Mapping[str, str], *, uid: int) -> list[Path]:
    """Return the folders that sockets of *uid* may stand in; a server takes the first it can make."""
    found = []
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        found.append(Path(runtime) / "fastfork")
    if uid == 0:
        found.append(Path("/run/fastfork"))
    found.append(Path(environ.get("TMPDIR") or "/tmp") / f"fastfork-{uid}")
    return found


def name_of(app: str, url: str) -> str:
    """Return the name of a server without `--name`: the application, and the port or socket it listens on."""
    place = (
        url.rstrip("/").rpartition("/")[2] if url.startswith("unix:") else url.rpartition(":")[2]
    )
    return clean(f"{app}-{place.removeprefix('unix:')}")


def clean(name: str) -> str:
    """Return *name* with nothing in it that a file name can't have."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:80] or "server"


def prepare(folder: Path) -> None:
    """Make *folder* if it is not there; raise OSError if others could write to it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PermissionError(
            1, "it belongs to somebody else, or others may write to it", str(folder)
        )


def sockets(environ: Mapping[str, str], *, uid: int) -> list[Path]:
    """Return the control sockets that *uid* may reach, whether somebody listens there or not."""
    found: list[Path] = []
    for folder in folders(environ, uid=uid):
        try:
            if folder.lstat().st_uid in (0, uid):  # nobody else can have put a false one there
                found += sorted(folder.glob(f"*{SUFFIX}"))
        except OSError:
            continue  # there is none
    return found

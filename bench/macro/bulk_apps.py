"""Large answers, for bulk.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

BODY = b"x" * (1 << 20)
BINARY = ("Content-Type", "application/octet-stream")


def body(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 1 MiB from memory."""
    start_response("200 OK", [BINARY, ("Content-Length", str(len(BODY)))])
    return [BODY]


def file(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer the file $BULK_FILE."""
    opened = Path(os.environ["BULK_FILE"]).open("rb")  # noqa: SIM115 - the server closes it
    length = os.fstat(opened.fileno()).st_size
    start_response("200 OK", [BINARY, ("Content-Length", str(length))])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](opened)
    return wrapped

"""Large answers, for bulk.py and hostile.py."""

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


def mixed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 1 MiB to /large, hello to all else, when the request's body is there."""
    if environ["PATH_INFO"] == "/large":
        return body(environ, start_response)
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]

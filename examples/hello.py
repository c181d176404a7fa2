"""Say which worker answers: fastfork serve examples.hello:app"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import fastfork

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request with the slot and the pid of the worker."""
    body = f"Response from worker {fastfork.worker_slot()} (pid {os.getpid()})\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body]

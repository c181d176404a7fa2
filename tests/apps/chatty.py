"""An application that talks: prints, and logs to the loggers of the server."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

error = logging.getLogger("fastfork.error")
access = logging.getLogger("fastfork.access")
handlers = len(error.handlers)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Print and log the query; answer how many handlers there were at the import."""
    words = environ["QUERY_STRING"]
    print("printed", words)
    print("complained", words, file=sys.stderr)
    os.system(f"echo echoed {words}")
    error.warning("logged %s", words)
    error.debug("whispered %s", words)
    access.info("accessed %s", words)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{handlers} {len(access.handlers)}".encode()]

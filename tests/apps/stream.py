"""Answer parts as a file grows: each part is a line of the file that the query names."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Wait for each line, and end with the line "end"."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    with Path(environ["QUERY_STRING"]).open("rb") as lines:
        while (line := lines.readline()) != b"end\n":
            if line:
                yield line
            else:
                time.sleep(0.005)

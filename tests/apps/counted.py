"""Note each run of a request, so that a test can tell how often it ran, and where."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from fastfork import worker_slot


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Write a line to the file `runs`, stand at the FIFO `gate` if there is one, and answer.

    The answer is our slot, our pid and what was sent. With `once`, only the first run stands at the gate.
    """
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    sent = environ["wsgi.input"].read()
    runs = Path(query["runs"])
    is_first = not runs.exists()
    with runs.open("a") as file:
        file.write(f"{environ['REQUEST_METHOD']} {os.getpid()}\n")
    if "gate" in query and (is_first or "once" not in query):
        with open(query["gate"], "rb") as fifo:
            fifo.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{worker_slot()} {os.getpid()} ".encode(), sent]

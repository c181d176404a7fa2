"""An application that responds to nothing: whoever answers its requests is on another server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import fastfork
from fastfork import bus


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Ask for the name in the query; /big sends that many octets and compares what comes back."""
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    said: Any
    try:
        if environ["PATH_INFO"] == "/big":
            octets = os.urandom(int(query["octets"]))
            said = bus.request("octets", octets, timeout=20) == octets[::-1]
        else:
            said = bus.request(query["name"], query.get("message"), timeout=5)
    except fastfork.BusError as error:
        said = f"{type(error).__name__}: {error}"
    start_response("200 OK", [])
    return [json.dumps(said).encode()]

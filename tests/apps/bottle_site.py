"""A Bottle site with the things that sites do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bottle

app = bottle.Bottle()


@app.get("/")  # type: ignore[untyped-decorator]
def home() -> str:
    """Greet."""
    return f"Hello, {bottle.request.query.getunicode('name', 'World')}!"


@app.post("/form")  # type: ignore[untyped-decorator]
def form() -> dict[str, str]:
    """Give a form back."""
    return dict(bottle.request.forms.decode())


@app.post("/upload")  # type: ignore[untyped-decorator]
def upload() -> dict[str, Any]:
    """Say what was uploaded."""
    file = bottle.request.files["file"]
    return {"name": file.raw_filename, "size": len(file.file.read())}


@app.get("/stream")  # type: ignore[untyped-decorator]
def stream() -> Iterator[str]:
    """Answer in parts."""
    bottle.response.content_type = "text/plain"
    for number in range(5):
        yield f"part {number}\n"


@app.get("/cookies")  # type: ignore[untyped-decorator]
def cookies() -> dict[str, str]:
    """Set two cookies, and show those that came."""
    bottle.response.set_cookie("first", "1")
    bottle.response.set_cookie("second", "2")
    return dict(bottle.request.cookies)


@app.get("/away")  # type: ignore[untyped-decorator]
def away() -> None:
    """Lead elsewhere."""
    bottle.redirect("/", 302)


@app.get("/file")  # type: ignore[untyped-decorator]
def file() -> Any:
    """Answer this file."""
    here = Path(__file__)
    return bottle.static_file(here.name, root=str(here.parent), mimetype="text/x-python")


@app.get("/broken")  # type: ignore[untyped-decorator]
def broken() -> str:
    """Fail."""
    raise LookupError("a failure of the view")

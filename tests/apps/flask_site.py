"""A Flask site with the things that sites do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, make_response, redirect, request, send_file
from werkzeug.wrappers import Response as BaseResponse

app = Flask(__name__)


@app.get("/")
def home() -> str:
    """Greet."""
    return f"Hello, {request.args.get('name', 'World')}!"


@app.post("/form")
def form() -> dict[str, str]:
    """Give a form back."""
    return request.form.to_dict()


@app.post("/upload")
def upload() -> dict[str, str | int]:
    """Say what was uploaded."""
    file = request.files["file"]
    return {"name": str(file.filename), "size": len(file.read())}


@app.get("/stream")
def stream() -> Response:
    """Answer in parts."""

    def parts() -> Iterator[str]:
        for number in range(5):
            yield f"part {number}\n"

    return Response(parts(), mimetype="text/plain")


@app.get("/cookies")
def cookies() -> BaseResponse:
    """Set two cookies, and show those that came."""
    response = make_response(dict(request.cookies))
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/away")
def away() -> BaseResponse:
    """Lead elsewhere."""
    return redirect("/")


@app.get("/file")
def file() -> Response:
    """Answer this file."""
    return send_file(Path(__file__), mimetype="text/x-python", conditional=True)


@app.get("/broken")
def broken() -> str:
    """Fail."""
    raise LookupError("a failure of the view")

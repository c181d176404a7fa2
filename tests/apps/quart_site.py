"""A Quart site with the things that sites do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from quart import Quart, Response, make_response, redirect, request, send_file, websocket
from werkzeug.wrappers import Response as BaseResponse

app = Quart(__name__)


@app.get("/")
async def home() -> str:
    """Greet."""
    return f"Hello, {request.args.get('name', 'World')}!"


@app.post("/form")
async def form() -> dict[str, str]:
    """Give a form back."""
    return (await request.form).to_dict()


@app.post("/upload")
async def upload() -> dict[str, str | int]:
    """Say what was uploaded."""
    file = (await request.files)["file"]
    return {"name": str(file.filename), "size": len(file.read())}


@app.get("/stream")
async def stream() -> Response:
    """Answer in parts."""

    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"part %d\n" % number

    return Response(parts(), mimetype="text/plain")


@app.get("/cookies")
async def cookies() -> Response:
    """Set two cookies, and show those that came."""
    response = await make_response(dict(request.cookies))
    assert isinstance(response, Response)
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/away")
async def away() -> BaseResponse:
    """Lead elsewhere."""
    return redirect("/")


@app.get("/file")
async def file() -> Response:
    """Answer this file."""
    return await send_file(Path(__file__), mimetype="text/x-python", conditional=True)


@app.get("/broken")
async def broken() -> str:
    """Fail."""
    raise LookupError("a failure of the view")


@app.websocket("/echo")
async def echo() -> None:
    """Say everything again."""
    while True:
        await websocket.send(await websocket.receive())

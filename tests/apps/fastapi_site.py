"""A FastAPI site with the things that sites do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Request,
    Response,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from pydantic import BaseModel

app = FastAPI()
done: list[str] = []


@app.get("/")
def home(name: str = "World") -> PlainTextResponse:
    """Greet, from a thread."""
    return PlainTextResponse(f"Hello, {name}!")


@app.post("/form")
async def form(name: Annotated[str, Form()], city: Annotated[str, Form()]) -> dict[str, str]:
    """Give a form back."""
    return {"name": name, "city": city}


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, str | int | None]:
    """Say what was uploaded."""
    return {"name": file.filename, "size": len(await file.read())}


@app.get("/stream")
async def stream() -> StreamingResponse:
    """Answer in parts."""

    async def parts() -> AsyncIterator[str]:
        for number in range(5):
            yield f"part {number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/stream-from-thread")
def stream_from_thread() -> StreamingResponse:
    """Answer in parts that a thread makes."""

    def parts() -> Iterator[bytes]:
        for number in range(5):
            yield b"%d" % number * 10_000

    return StreamingResponse(parts(), media_type="text/plain")


@app.get("/cookies")
async def cookies(request: Request) -> Response:
    """Set two cookies, and show those that came."""
    response = JSONResponse(request.cookies)
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/away")
async def away() -> RedirectResponse:
    """Lead elsewhere."""
    return RedirectResponse("/", status_code=302)


@app.api_route("/file", methods=["GET", "HEAD"])
async def file() -> FileResponse:
    """Answer this file."""
    return FileResponse(Path(__file__), media_type="text/x-python")


@app.get("/broken")
async def broken() -> None:
    """Fail."""
    raise LookupError("a failure of the view")


class Item(BaseModel):
    """What is bought."""

    name: str
    price: float


async def connection() -> AsyncIterator[str]:
    """Give something that must be closed behind the request."""
    yield "open"
    done.append("closed")


async def buyer(session: Annotated[str | None, Cookie()] = None) -> str:
    """Return who buys."""
    return session or "nobody"


@app.post("/items/{count}")
async def buy(
    count: int,
    item: Item,
    tasks: BackgroundTasks,
    who: Annotated[str, Depends(buyer)],
    db: Annotated[str, Depends(connection)],
) -> dict[str, str | float]:
    """Buy, and remember it behind the answer."""
    tasks.add_task(done.append, f"{who} bought {count} {item.name}")
    return {"who": who, "total": count * item.price, "db": db}


@app.get("/done")
async def what_is_done() -> list[str]:
    """Return what was done behind answers."""
    return done


@app.websocket("/echo")
async def echo(socket: WebSocket, who: Annotated[str, Depends(buyer)]) -> None:
    """Say everything again, until the client leaves."""
    await socket.accept()
    await socket.send_json({"who": who})
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                done.append(f"left with {message['code']}")
                return
            if message.get("bytes") is not None:
                await socket.send_bytes(message["bytes"])
            elif message["text"] == "fail":
                raise LookupError("a failure of the socket")
            elif message["text"] == "close":
                await socket.close(4000, "as you like")
                return
            else:
                await socket.send_text(message["text"])
    except WebSocketDisconnect:
        done.append("was left")

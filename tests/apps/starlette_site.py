"""A Starlette site with the things that sites do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket


async def home(request: Request) -> Response:
    """Greet."""
    return PlainTextResponse(f"Hello, {request.query_params.get('name', 'World')}!")


async def form(request: Request) -> Response:
    """Give a form back."""
    async with request.form() as found:
        return JSONResponse(dict(found))


async def upload(request: Request) -> Response:
    """Say what was uploaded."""
    async with request.form() as found:
        file = found["file"]
        assert isinstance(file, UploadFile)
        return JSONResponse({"name": file.filename, "size": len(await file.read())})


async def stream(request: Request) -> Response:
    """Answer in parts."""

    async def parts() -> AsyncIterator[str]:
        for number in range(5):
            yield f"part {number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


async def cookies(request: Request) -> Response:
    """Set two cookies, and show those that came."""
    response = JSONResponse(request.cookies)
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


async def away(request: Request) -> Response:
    """Lead elsewhere."""
    return RedirectResponse("/", status_code=302)


async def file(request: Request) -> Response:
    """Answer this file."""
    return FileResponse(Path(__file__), media_type="text/x-python")


async def broken(request: Request) -> Response:
    """Fail."""
    raise LookupError("a failure of the view")


async def state(request: Request) -> Response:
    """Say what the lifespan has prepared, and where this is mounted."""
    return JSONResponse({"greeting": request.state.greeting, "root": request.scope["root_path"]})


async def chat(socket: WebSocket) -> None:
    """Say everything louder, by the subprotocol that both know."""
    if socket.query_params.get("secret") != "yes":
        await socket.send_denial_response(PlainTextResponse("no secret\n", status_code=401))
        return
    await socket.accept(subprotocol="loud")
    async for text in socket.iter_text():
        await socket.send_text(text.upper())


class Marked(BaseHTTPMiddleware):
    """Marks each response."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Add a header."""
        response = await call_next(request)
        response.headers["X-Marked"] = "yes"
        return response


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Prepare a greeting, and say when it is over."""
    yield {"greeting": "hello"}
    print("starlette says goodbye", flush=True)


app = Starlette(
    routes=[
        Route("/", home),
        Route("/form", form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/cookies", cookies),
        Route("/away", away),
        Route("/file", file),
        Route("/broken", broken),
        Route("/state", state),
        Mount("/below", routes=[Route("/state", state)]),
        WebSocketRoute("/chat", chat),
    ],
    middleware=[Middleware(Marked)],
    lifespan=lifespan,
)

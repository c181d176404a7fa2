"""FastAPI: fastfork serve examples.fastapi_app:app -w 4 (extra: standard, for the WebSocket)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket
from pydantic import BaseModel

import fastfork
from fastfork import Counter, bus

visits = Counter("visits")


class Text(BaseModel):
    """What is sent to /upper."""

    text: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open pools here: it runs in each worker, before its first request."""
    app.state.greeting = f"FastAPI, worker {fastfork.worker_slot()}"
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> dict[str, object]:
    """Count across workers."""
    visits.add()
    return {"hello": app.state.greeting, "visits": visits.value}


@bus.responder("upper")
async def upper(text: str) -> str:
    """Do it in whichever worker has the fewest of them."""
    return text.upper()


@app.post("/upper")
async def ask(body: Text) -> dict[str, object]:
    """Ask another worker; the loop goes on meanwhile."""
    return {"text": await bus.arequest("upper", body.text, timeout=2)}


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    """Say each line louder."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text.upper())

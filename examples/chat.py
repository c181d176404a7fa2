"""A chat over WebSockets, in several workers: fastfork serve examples.chat:app -w 4 (extra: standard)

Open http://localhost:8000 in two windows. They may be at different workers: what one says goes by the bus to
all of them, and each gives it to the sockets that it has.
"""

from __future__ import annotations

from typing import Any

import fastfork
from fastfork import bus

PAGE = b"""<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chat</title>
<style>:root { color-scheme: light dark; font-family: system-ui }</style>
<form><input name="line" aria-label="line" autocomplete="off" autofocus> <button>Say</button></form>
<pre></pre>
<script>
const here = new WebSocket(location.origin.replace(/^http/, "ws") + "/socket");
here.onmessage = event => document.querySelector("pre").append(event.data + "\\n");
document.forms[0].onsubmit = event => {
  event.preventDefault();
  here.send(event.target.line.value);
  event.target.reset();
};
</script>
"""

sockets: set[Any] = set()
"""The `send` of each WebSocket at this worker."""


@bus.subscribe("chat")
async def hear(topic: str, message: str, sender: int | str) -> None:
    """Give it to everybody here; runs on the loop of every worker."""
    for send in list(sockets):
        try:
            await send({"type": "websocket.send", "text": message})
        except OSError:
            sockets.discard(send)  # it has just left


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve the page, and a WebSocket for each window; an ASGI application by hand."""
    if scope["type"] == "http":
        kind = (b"content-type", b"text/html; charset=utf-8")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        await send({"type": "http.response.body", "body": PAGE})
    elif scope["type"] == "websocket":
        await talk(receive, send)
    else:
        raise NotImplementedError(scope["type"])  # no lifespan


async def talk(receive: Any, send: Any) -> None:
    """Pass on what one window says, until it leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    sockets.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            bus.publish("chat", f"{fastfork.worker_slot()}: {event['text']}")
    finally:
        sockets.discard(send)

"""Users online, wrong and right: fastfork serve examples.counter:app -w 4

/come and /leave count. A global is one number in each worker, and which of them answers is chance; a Gauge is
one number for all, and what a dead worker had of it is given back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fastfork import Counter, Gauge, RateLimit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

onlineUsers = 0  # noqa: N816 - as everybody writes it first
online = Gauge("online_users")
visits = Counter("visits")  # only goes up
comers = RateLimit("comers", 100, per=60)  # a hundred at once, then one every 0.6 s


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Come, leave, or look."""
    global onlineUsers
    visits.add()
    step = {"/come": 1, "/leave": -1}.get(environ["PATH_INFO"], 0)
    if step == 1 and (wait := comers.take()):
        start_response("429 Too Many Requests", [("Retry-After", f"{wait:.0f}")])
        return [b"Later, please.\n"]
    onlineUsers += step
    online.add(step)
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    numbers = f"right: {online.value} online, wrong: {onlineUsers}, of {visits.value} visits\n"
    return [numbers.encode()]

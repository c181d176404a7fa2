"""How long until the first answer, and until a worker is back that was killed?"""

from __future__ import annotations

import os
import signal
import time

from client import LAST_REQUEST, Connection
from scenario import Figures, Refused, Scenario, Server

PATIENCE = 20.0


def who(server: Server) -> bytes:
    """Return who answers on a new connection."""
    connection = Connection(server.port)
    try:
        return connection.ask(LAST_REQUEST)
    finally:
        connection.close()


def measure(server: Server, seconds: float) -> Figures:
    """Kill the worker, and ask until another one answers."""
    figures = {"start_ms": server.start_ms}
    if not server.driver.restarts:
        return figures
    victim = who(server)
    began = time.monotonic()
    os.kill(int(victim), signal.SIGKILL)
    while time.monotonic() - began < PATIENCE:
        try:
            if who(server) != victim:
                return {**figures, "restart_ms": (time.monotonic() - began) * 1000}
        except (OSError, ValueError):
            pass  # nobody is there yet
        time.sleep(0.0005)
    raise Refused("the worker did not come back")


SCENARIO = Scenario(
    question="How long from the command to the first answer, and until a killed worker is back?",
    measure=measure,
    main="start_ms",
    unit="ms to the first answer",
    shown=("restart_ms",),
    kinds=("wsgi", "asgi"),
    app="pid",
    is_pinned=False,
    more="Those without a restart replace no worker, or need a setting for it.",
)

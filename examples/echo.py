"""An echo by callbacks: fastfork serve examples.echo:Echo -w 4, then: nc localhost 8000"""

from __future__ import annotations

import asyncio
from typing import cast


class Echo(asyncio.Protocol):
    """One for each connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Give it back."""
        self._transport.write(data)

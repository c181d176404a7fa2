"""A line protocol, without HTTP: fastfork serve examples.lines:serve -w 4, then: nc localhost 8000"""

from __future__ import annotations

import asyncio

import fastfork


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, and say each line louder, as a handler of asyncio.start_server does."""
    writer.write(f"worker {fastfork.worker_slot()} listens\n".encode())
    async for line in reader:
        writer.write(line.upper())
        await writer.drain()
    writer.close()

"""Connections without HTTP, for handlers that block."""

from collections.abc import Callable

from fastfork._native.lane import Lane

def serve(lane: Lane, handle: Callable[[int, tuple[str, int] | None], None], /) -> None:
    """Call *handle(descriptor, client)* for each connection of *lane* until the lane ends.

    The connection ends when *handle* returns; its descriptor is borrowed. *client* is its address and port,
    None by a unix socket. What *handle* raises ends the lane. Raises OSError.
    """

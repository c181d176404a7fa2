"""Log lines, written directly by the process that has them."""

from collections.abc import Callable, Sequence
from typing import Any

from fastfork._native.lane import Lane

KINDS: tuple[str, ...]
"""What a line of the access log can consist of."""

class Lines:
    """Appends to a descriptor, which stays yours, and never waits for the reader of a pipe."""

    def __init__(self, fd: int) -> None: ...
    @property
    def lost(self) -> int:
        """Lines that could not be written, so far."""

    def write(self, text: bytes, /) -> None:
        """Append *text*, whole lines, at once; what can't be written is lost."""

class AccessLines:
    """The access log of one lane."""

    def __init__(
        self,
        pieces: Sequence[tuple[str, Any]],
        *,
        fd: int = -1,
        stamp: str,
        is_json: bool,
        slot: int = 0,
        lane: Lane | None = None,
        sink: Callable[[str], None] | None = None,
    ) -> None:
        """Make lines of *pieces*: kinds (of KINDS) with their argument, in this process.

        They are appended to *fd*, or given to *sink*. *stamp* is a format of strftime. In JSON what a
        client or the application chose is put between quotes, or is null. Lost lines are told to *lane*.
        """

    @property
    def lost(self) -> int:
        """Lines that could not be written, so far."""

    def write(
        self,
        environ: dict[str, Any],
        status: str,
        headers: list[tuple[str, str]],
        octets: int,
        us: int,
        waited_us: int,
        /,
    ) -> None:
        """Make the line of a finished request; it is written with the next `flush`, or before.

        *octets* of the body were sent. It took *us* microseconds from the complete request (head and
        buffered body) to the last octet handed over, and had waited for *waited_us* before.
        """

    def flush(self) -> None:
        """Write what is gathered."""

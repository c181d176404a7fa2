"""`fastfork top`: the status as a live table, and a few keys."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
import time
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fastfork.cli.table import COLOURS, HEADS, row, summary
from fastfork.control.protocol import ControlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastfork.control import Client

_EVERY = 1.0
_KEYS = "s sort   r restart (then its slot)   + - scale   q quit"
_SORTS: tuple[tuple[str, str], ...] = (
    ("slot", "slot"),
    ("req/s", "rate"),
    ("running", "running"),
    ("RSS", "rss"),
    ("CPU", "cpu"),
    ("p99", "p99"),
)


class Top:
    """Shows one server until somebody presses q."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._status: dict[str, Any] = client.status()
        self._sort = 0
        self._asks = ""
        """The digits of the slot to restart, behind an r; "" without one."""
        self._note = ""

    def run(self, *, once: bool) -> None:
        """Show it; *once* prints it and returns."""
        console = Console(width=None if sys.stdout.isatty() else 140)
        if once:
            console.print(self.picture())
            return
        with _raw_keys() as key, Live(self.picture(), console=console, screen=True) as live:
            next_look = time.monotonic() + _EVERY
            while (pressed := key(max(0.0, next_look - time.monotonic()))) != "q":
                if pressed:
                    self.press(pressed)
                if time.monotonic() >= next_look:
                    self._status = self._client.status()
                    next_look = time.monotonic() + _EVERY
                live.update(self.picture(), refresh=True)

    def press(self, key: str) -> None:
        """Do what *key* stands for."""
        if self._asks and key.isdecimal():
            self._asks += key
        elif self._asks and key in "\r\n" and self._asks[1:]:
            slot = int(self._asks[1:])
            self._order(f"restart {slot}", lambda client: client.restart(slot))
            self._asks = ""
        elif key in ("+", "-"):
            self._asks = ""
            self._order(f"scale {key}1", lambda client: client.scale(f"{key}1"))
        else:
            self._asks = "r" if key == "r" else ""
            self._sort = (self._sort + (key == "s")) % len(_SORTS)

    def picture(self) -> Group:
        """Return what is shown now."""
        head, field = _SORTS[self._sort]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in HEADS:
            table.add_column(f"{name}*" if name == head else name, justify="right", no_wrap=True)
        views = sorted(
            self._status["slots"],
            key=lambda view: (view[field] or 0) * (1 if field == "slot" else -1),
        )
        for view in views:
            cells = [Text(cell) for cell in row(view)]
            cells[2].stylize(COLOURS.get(view["state"], ""))
            table.add_row(*cells)
        prompt = f"restart slot {self._asks[1:]}_ (Enter)" if self._asks else self._note or _KEYS
        return Group(*map(Text, summary(self._status)), "", table, "", Text(prompt, style="dim"))

    def _order(self, what: str, order: Callable[[Client], object]) -> None:
        self._note = f"{what} ..."
        # On a connection of its own: the table goes on meanwhile.
        threading.Thread(target=self._order_beside, args=(what, order), daemon=True).start()

    def _order_beside(self, what: str, order: Callable[[Client], object]) -> None:
        try:
            with self._client.again() as client:
                order(client)
            self._note = f"{what}: done"
        except ControlError as error:
            self._note = str(error)


@contextmanager
def _raw_keys() -> Iterator[Callable[[float], str]]:
    """Give a function that returns the key that is pressed within some seconds, or ""."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def key(within: float) -> str:
        if not select.select([fd], [], [], within)[0]:
            return ""
        return os.read(fd, 1).decode("ascii", "replace") or "q"

    try:
        tty.setcbreak(fd)
        yield key
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)

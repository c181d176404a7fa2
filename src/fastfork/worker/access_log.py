"""The access log: gunicorn's atoms or JSON, compiled once into what `_native.logs` makes lines of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastfork._native.logs import AccessLines
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastfork._native.lane import Lane
    from fastfork.log import LogFile

    Piece = tuple[str, Any]

_ATOM = re.compile(r"%(?:%|\(([^)]*)\)s)?")

_ATOMS: dict[str, Piece] = {
    "h": ("given", "REMOTE_ADDR"),
    "l": ("text", b"-"),
    "u": ("user", None),
    "t": ("stamp", None),
    "r": ("line", None),
    "m": ("variable", "REQUEST_METHOD"),
    "U": ("variable", "PATH_INFO"),
    "q": ("variable", "QUERY_STRING"),
    "H": ("variable", "SERVER_PROTOCOL"),
    "s": ("status", None),
    "b": ("octets_or_dash", None),
    "B": ("octets", None),
    "f": ("variable", "HTTP_REFERER"),
    "a": ("variable", "HTTP_USER_AGENT"),
    "T": ("whole_seconds", None),
    "D": ("microseconds", None),
    "M": ("milliseconds", None),
    "L": ("seconds", None),
    "p": ("pid", None),
    "slot": ("slot", None),
    "wait": ("waited", None),
}

JSON = "json"

_FIELDS: dict[str, Piece] = {
    "time": ("stamp", None),
    "client": ("given", "REMOTE_ADDR"),
    "user": ("user", None),
    "method": ("variable", "REQUEST_METHOD"),
    "target": ("variable", "RAW_URI"),
    "protocol": ("variable", "SERVER_PROTOCOL"),
    "status": ("status", None),
    "octets": ("octets", None),
    "duration": ("seconds", None),
    "wait": ("waited", None),
    "referer": ("variable", "HTTP_REFERER"),
    "agent": ("variable", "HTTP_USER_AGENT"),
    "slot": ("slot", None),
    "pid": ("pid", None),
}


class AccessLog:
    """What each lane makes its access log from."""

    def __init__(
        self, file: LogFile | None, form: str, *, sink: Callable[[str], None] | None = None
    ) -> None:
        """Compile *form*; raise ConfigError if it has an atom that does not exist.

        Lines go to *file*, or to *sink* if there is one.
        """
        self.file = file
        self._sink = sink
        self._is_json = form == JSON
        self._pieces = _json() if self._is_json else _compile(form)

    def lines_of(self, lane: Lane | None, *, slot: int) -> AccessLines:
        """Return the log of one lane; to be called in its process."""
        return AccessLines(
            self._pieces,
            fd=self.file.fd if self.file else -1,
            stamp="%Y-%m-%dT%H:%M:%S%z" if self._is_json else "[%d/%b/%Y:%H:%M:%S %z]",
            is_json=self._is_json,
            slot=slot,
            lane=lane,
            sink=self._sink,
        )


def _json() -> list[Piece]:
    pieces: list[Piece] = []
    for name, piece in _FIELDS.items():
        quote = '"' if piece[0] == "stamp" else ""
        pieces += [("text", f', "{name}": {quote}'.encode()), piece, ("text", quote.encode())]
    pieces[0] = ("text", b'{"time": "')
    return [*pieces, ("text", b"}")]


def _compile(form: str) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for match in _ATOM.finditer(form):
        pieces.append(("text", form[end : match.start()].encode()))
        pieces.append(("text", b"%") if match[1] is None else _piece(match[1]))
        end = match.end()
    pieces.append(("text", form[end:].encode()))
    return [piece for piece in pieces if piece != ("text", b"")]


def _piece(atom: str) -> Piece:
    if atom in _ATOMS:
        return _ATOMS[atom]
    if atom.startswith("{") and atom[-2:] in ("}i", "}o", "}e"):
        name, source = atom[1:-2], atom[-1]
        if source == "o":
            return ("header", name.lower())
        return ("variable", _header_key(name) if source == "i" else name)
    atoms = ", ".join(_ATOMS)
    raise ConfigError(
        f"access_log_format: there is no atom '%({atom})s'; allowed are {atoms}, {{header}}i, {{header}}o"
        f" and {{variable}}e, as %(h)s or %({{host}}i)s; or the word json alone"
    )


def _header_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"

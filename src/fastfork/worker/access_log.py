"""The access log: gunicorn's atoms, compiled once into a list of getters."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Protocol

from fastfork.errors import ConfigError
from fastfork.log import escape, write_line

if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[["Record"], str]

_ATOM = re.compile(r"%(?:%|\(([^)]*)\)s)?")


class Record(Protocol):
    """One finished request, as the binding tells it."""

    environ: dict[str, Any]
    status: str
    headers: list[tuple[str, str]]
    sent: int
    seconds: float


class AccessLog:
    """Writes one line for each request."""

    def __init__(self, fd: int, form: str) -> None:
        """Compile *form*; raise ConfigError if it has an atom that does not exist."""
        self.fd = fd
        self._template, self._getters = _compile(form)

    def line(self, record: Record) -> str:
        """Return the line for *record*."""
        return self._template % tuple([get(record) for get in self._getters])

    def write(self, record: Record) -> None:
        """Append the line for *record*."""
        write_line(self.fd, self.line(record))


def _compile(form: str) -> tuple[str, list[Getter]]:
    template, getters, end = "", [], 0
    for match in _ATOM.finditer(form):
        template += form[end : match.start()]
        end = match.end()
        if match[1] is None:
            template += "%%"
        else:
            template += "%s"
            getters.append(_getter(match[1]))
    return template + form[end:], getters


def _getter(atom: str) -> Getter:
    if atom in _ATOMS:
        return _ATOMS[atom]
    if atom.startswith("{") and atom[-2:] in ("}i", "}o", "}e"):
        name, source = atom[1:-2], atom[-1]
        if source == "o":
            return _response_header(name.lower())
        return _variable(_header_key(name) if source == "i" else name)
    atoms = ", ".join(_ATOMS)
    raise ConfigError(
        f"access_logformat: there is no atom '%({atom})s';"
        f" allowed are {atoms}, {{header}}i, {{header}}o and {{variable}}e, as %(h)s or %({{host}}i)s"
    )


def _header_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _variable(key: str) -> Getter:
    def get(record: Record) -> str:
        value = record.environ.get(key)
        return "-" if value is None else escape(str(value))

    return get


def _response_header(wanted: str) -> Getter:
    def get(record: Record) -> str:
        values = [value for name, value in record.headers if name.lower() == wanted]
        return escape(", ".join(values)) if values else "-"

    return get


def _request_line(record: Record) -> str:
    environ = record.environ
    target = environ.get("RAW_URI") or _target(environ)
    return escape(f"{environ['REQUEST_METHOD']} {target} {environ['SERVER_PROTOCOL']}")


def _target(environ: dict[str, Any]) -> str:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    query = environ.get("QUERY_STRING")
    return f"{path}?{query}" if query else path


def _user(record: Record) -> str:
    scheme, _, credentials = record.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "basic":
        return "-"
    from binascii import Error, a2b_base64

    try:
        name = a2b_base64(credentials.strip()).decode("utf-8", "backslashreplace").partition(":")[0]
    except (Error, ValueError):
        return "-"
    return escape(name) or "-"


_ATOMS: dict[str, Getter] = {
    "h": lambda record: escape(record.environ.get("REMOTE_ADDR") or "-"),
    "l": lambda record: "-",
    "u": _user,
    "t": lambda record: time.strftime("[%d/%b/%Y:%H:%M:%S %z]"),
    "r": _request_line,
    "m": _variable("REQUEST_METHOD"),
    "U": _variable("PATH_INFO"),
    "q": _variable("QUERY_STRING"),
    "H": _variable("SERVER_PROTOCOL"),
    "s": lambda record: escape(record.status.partition(" ")[0]),
    "b": lambda record: str(record.sent) if record.sent else "-",
    "B": lambda record: str(record.sent),
    "f": _variable("HTTP_REFERER"),
    "a": _variable("HTTP_USER_AGENT"),
    "T": lambda record: str(int(record.seconds)),
    "D": lambda record: str(int(record.seconds * 1_000_000)),
    "M": lambda record: str(int(record.seconds * 1000)),
    "L": lambda record: f"{record.seconds:.6f}",
    "p": lambda record: f"<{os.getpid()}>",
}

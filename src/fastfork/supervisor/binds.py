"""What `--bind` can say, as values. Pure: nothing is opened here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT_PORT = 8000


class TcpBind(msgspec.Struct, frozen=True):
    """A TCP address; *host* may be a name."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the address as `--bind` takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class UnixBind(msgspec.Struct, frozen=True):
    """A unix socket; a path that starts with "@" is in the abstract namespace, not a file."""

    path: str

    @property
    def is_file(self) -> bool:
        """Whether the socket stands in the file system."""
        return not self.path.startswith("@")

    @property
    def address(self) -> str:
        """Return what bind(2) takes."""
        return self.path if self.is_file else "\0" + self.path[1:]

    def __str__(self) -> str:
        """Return the address as `--bind` takes it."""
        return f"unix:{self.path}"


class FdBind(msgspec.Struct, frozen=True):
    """A listening socket that was inherited."""

    fd: int

    def __str__(self) -> str:
        """Return the address as `--bind` takes it."""
        return f"fd://{self.fd}"


Bind = TcpBind | UnixBind | FdBind


def has_ipv4_beside(bind: TcpBind, binds: Sequence[Bind]) -> bool:
    """Say whether one of *binds* is for IPv4 on the port of *bind*, which then leaves IPv4 to it."""
    others = (one for one in binds if isinstance(one, TcpBind) and one.port == bind.port)
    return any(":" not in one.host for one in others)


def parse_bind(text: str) -> Bind:
    """Return what *text* says; raise ConfigError if it says nothing."""
    if text.startswith("unix:"):
        return _unix(text)
    if text.startswith("fd://"):
        return FdBind(_number(text.removeprefix("fd://"), text=text, top=1 << 20))
    return _tcp(text)


def _unix(text: str) -> UnixBind:
    path = text.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
    if path in ("", "@") or "\0" in path:
        raise _bad(text)
    return UnixBind(path)


def _tcp(text: str) -> TcpBind:
    address = text.removeprefix("tcp://")
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or not host or (rest and not rest.startswith(":")):
            raise _bad(text)
        port = rest.removeprefix(":")
    else:
        host, colon, port = address.rpartition(":") if ":" in address else (address, "", "")
        if ":" in host:
            raise ConfigError(f"bind: {text!r} can't be used; write IPv6 as [address]:port")
        if not colon and host.isdecimal():
            raise ConfigError(f"bind: {text!r} can't be used; a port alone is written ':{host}'")
        host = host or "0.0.0.0"
    if not address or any(character.isspace() for character in host) or "/" in host:
        raise _bad(text)
    return TcpBind(host, _number(port, text=text, top=65_535) if port else _DEFAULT_PORT)


def _number(digits: str, *, text: str, top: int) -> int:
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > top:
        raise _bad(text)
    return int(digits)


def _bad(text: str) -> ConfigError:
    return ConfigError(
        f"bind: {text!r} can't be used;"
        " allowed is host:port, [v6]:port, :port, unix:PATH, unix:@NAME or fd://N"
    )

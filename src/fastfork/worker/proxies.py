"""Which peers are believed when they speak for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fastfork._native.networks import Networks
from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from fastfork.settings import Settings


class Proxies(msgspec.Struct, frozen=True):
    """The lists of the settings, read once, before any fork."""

    trusted: Networks
    """Whose X-Forwarded-* fields are believed."""
    relays: Networks
    """Who must begin with a header of the PROXY protocol."""


def proxies_of(settings: Settings) -> Proxies:
    """Return the lists of *settings*; raise ConfigError for what is no address or network."""
    return Proxies(
        trusted=_read("forwarded_allow_ips", settings.forwarded_allow_ips),
        relays=_read("proxy_allow_ips", settings.proxy_allow_ips),
    )


def _read(setting: str, text: str) -> Networks:
    try:
        return Networks(text)
    except ValueError as error:
        raise ConfigError(
            f"{setting}: {str(error)!r} can't be used; allowed is an address, a network without bits"
            " behind its prefix (10.0.0.0/8), unix or *"
        ) from None

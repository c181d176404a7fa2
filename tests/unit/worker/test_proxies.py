"""Which peers are believed: the standard library says the same."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastfork._native.networks import Networks
from fastfork.config.sources import resolve
from fastfork.errors import ConfigError
from fastfork.worker.proxies import proxies_of

Network = IPv4Network | IPv6Network


def plain(text: str) -> str:
    """Return the IPv4 address that is meant by one of IPv6, or *text*."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Give networks of any size, most of them small enough to miss."""
    address = draw(st.ip_addresses())
    bits = draw(st.integers(0, address.max_prefixlen))
    return ip_network(f"{address}/{bits}", strict=False)


@given(st.lists(networks(), max_size=5), st.data())
def test_an_address_is_in_the_list_when_it_is_in_one_of_its_networks(
    listed: list[Network], data: st.DataObject
) -> None:
    near = [st.ip_addresses(network=network) for network in listed]
    peer = plain(str(data.draw(st.one_of(st.ip_addresses(), *near))))
    mapped = IPv6Network("::ffff:0:0/96")

    believed = peer in Networks(", ".join(map(str, listed)))

    if not any(isinstance(each, IPv6Network) and each.overlaps(mapped) for each in listed):
        assert believed == any(ip_address(peer) in network for network in listed)


@given(st.text(alphabet="0123456789abcdef.:/*%[]x", max_size=20))
def test_only_what_the_standard_library_takes_for_a_network_is_one(text: str) -> None:
    try:
        ip_network(text)
        is_network = "%" not in text
    except ValueError:
        is_network = text in {"", "*"}
    if text.count("/") == 1 and not text.rpartition("/")[2].isdigit():
        is_network = False  # a mask instead of a prefix is more than anybody needs
    if text.rpartition("/")[2].startswith("0") and text.rpartition("/")[2] != "0" and "/" in text:
        is_network = False

    try:
        Networks(text)
        is_taken = True
    except ValueError:
        is_taken = False

    assert is_taken == is_network


@pytest.mark.parametrize("setting", ["forwarded_allow_ips", "proxy_allow_ips"])
@pytest.mark.parametrize("text", ["10.0.0.1, x", "10.0.0.1/8", "localhost"])
def test_a_wrong_list_is_told_with_the_item(setting: str, text: str) -> None:
    settings = resolve({"app": "a", setting: text}, {})

    *_, item = text.split()
    with pytest.raises(ConfigError, match=f"{setting}: '{item}' can't be used"):
        proxies_of(settings)


def test_both_lists_begin_with_the_own_machine() -> None:
    proxies = proxies_of(resolve({"app": "a"}, {}))

    for believed in (proxies.trusted, proxies.relays):
        assert ["127.0.0.1" in believed, "::1" in believed] == [True, True]
        assert ["127.0.0.2" in believed, "unix" in believed] == [False, False]


def test_the_list_may_come_from_the_environment() -> None:
    proxies = proxies_of(resolve({"app": "a"}, {"FORWARDED_ALLOW_IPS": "unix,10.0.0.0/8"}))

    assert "unix" in proxies.trusted
    assert "10.1.2.3" in proxies.trusted
    assert "127.0.0.1" not in proxies.trusted


def test_only_addresses_can_be_asked_for() -> None:
    with pytest.raises(ValueError, match="is no address"):
        assert "localhost" in Networks("*")

"""What `--bind` can say."""

from __future__ import annotations

import pytest

from fastfork.errors import ConfigError
from fastfork.supervisor.binds import Bind, FdBind, TcpBind, UnixBind, parse_bind


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("127.0.0.1:8000", TcpBind("127.0.0.1", 8000)),
        ("localhost:80", TcpBind("localhost", 80)),
        (":8000", TcpBind("0.0.0.0", 8000)),
        ("127.0.0.1:0", TcpBind("127.0.0.1", 0)),
        ("localhost", TcpBind("localhost", 8000)),
        ("10.0.0.1", TcpBind("10.0.0.1", 8000)),
        ("tcp://127.0.0.1:80", TcpBind("127.0.0.1", 80)),
        ("[::1]:8000", TcpBind("::1", 8000)),
        ("[::]", TcpBind("::", 8000)),
        ("unix:/run/shop.sock", UnixBind("/run/shop.sock")),
        ("unix:///run/shop.sock", UnixBind("/run/shop.sock")),
        ("unix:shop.sock", UnixBind("shop.sock")),
        ("unix:@shop", UnixBind("@shop")),
        ("fd://3", FdBind(3)),
    ],
)
def test_address_is_understood(text: str, meant: Bind) -> None:
    assert parse_bind(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:http",
        "127.0.0.1:\u0661",
        "[::1",
        "[]:80",
        "[::1]80",
        "a b:80",
        "http://127.0.0.1:80",
        "unix:",
        "unix:@",
        "fd://",
        "fd://x",
        "fd://-1",
    ],
)
def test_nonsense_is_told_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_bind(text)

    assert repr(text) in str(caught.value)


def test_bare_port_gets_a_proposal() -> None:
    with pytest.raises(ConfigError, match="a port alone is written ':8000'"):
        parse_bind("8000")


def test_bare_ipv6_gets_a_proposal() -> None:
    with pytest.raises(ConfigError, match=r"write IPv6 as \[address\]:port"):
        parse_bind("::1:8000")


def test_abstract_name_starts_with_a_nul_for_the_kernel() -> None:
    assert UnixBind("@shop").address == "\0shop"


@pytest.mark.parametrize("text", ["[::1]:80", "127.0.0.1:80", "unix:/x", "unix:@x", "fd://3"])
def test_address_is_shown_as_it_is_given(text: str) -> None:
    assert str(parse_bind(text)) == text

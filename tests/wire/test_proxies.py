"""Behind a proxy: who is believed, and what then stands in the environ."""

from __future__ import annotations

import json
import socket
import struct
from ipaddress import ip_address, ip_network
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fix_server import Serve, Server
from fix_wire import Connect, Wire, get

TRUSTED = "127.0.0.1,10.0.0.0/8,2001:db8::/32"
V2 = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def trusting(shared: Serve) -> Server:
    """Give a server that believes its own machine, and hops of two networks."""
    return shared("environ:app", "--forwarded-allow-ips", TRUSTED)


@pytest.fixture(scope="module")
def wary(shared: Serve) -> Server:
    """Give a server that believes nobody here."""
    return shared("environ:app", "--forwarded-allow-ips", "10.0.0.0/8")


@pytest.fixture(scope="module", params=["v1", "v2", "auto"])
def relayed(request: pytest.FixtureRequest, shared: Serve) -> Server:
    """Give servers that want a PROXY header."""
    return shared("environ:app", "--proxy-protocol", request.param)


def environ_of(wire: Wire, request: bytes) -> dict[str, Any]:
    """Return the environ of *request*."""
    response = wire.send(request).read_response()
    assert response.status == 200
    environ: dict[str, Any] = json.loads(response.body)
    return environ


def line(source: str = "203.0.113.7", port: int = 4711) -> bytes:
    """Return a header of version 1."""
    family = "TCP6" if ":" in source else "TCP4"
    target = "::2" if ":" in source else "198.51.100.1"
    return f"PROXY {family} {source} {target} {port} 443\r\n".encode()


def binary(source: str = "203.0.113.7", port: int = 4711, *, more: bytes = b"") -> bytes:
    """Return a header of version 2, with *more* behind its addresses."""
    octets = ip_address(source).packed
    rest = octets + octets + struct.pack("!HH", port, 443) + more
    return V2 + bytes([0x21, 0x21 if ":" in source else 0x11]) + struct.pack("!H", len(rest)) + rest


def header_for(server: Server) -> bytes:
    """Return a header that *server* understands."""
    return binary() if "v2" in cast("list[str]", server.process.args) else line()


# --- X-Forwarded-*


def test_what_a_trusted_proxy_says_stands_in_the_environ(
    trusting: Server, connect: Connect
) -> None:
    environ = environ_of(
        connect(trusting),
        get(
            "/",
            "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shop.example:8443",
        ),
    )

    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("203.0.113.7", "")
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "shop.example:8443"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("shop.example", "8443")
    assert environ["HTTP_X_FORWARDED_FOR"] == "6.6.6.6, 203.0.113.7, 10.0.0.1"


@pytest.mark.parametrize(
    ("fields", "key", "value"),
    [
        (["X-Forwarded-For: [2001:DB9::1]:99"], "REMOTE_ADDR", "2001:db9::1"),
        (["X-Forwarded-For: [2001:DB9::1]:99"], "REMOTE_PORT", "99"),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.0.0.1"], "REMOTE_ADDR", "1.2.3.4"),
        (["X-Forwarded-For: 10.0.0.2, 10.0.0.1"], "REMOTE_ADDR", "10.0.0.2"),
        (["X-Forwarded-For: unknown"], "REMOTE_ADDR", "127.0.0.1"),
        (["X-Forwarded-Host: b"], "SERVER_PORT", "80"),
        (["X-Forwarded-Host: b", "X-Forwarded-Proto: https"], "SERVER_PORT", "443"),
        (["X-Forwarded-Host: b:81", "X-Forwarded-Port: 82"], "SERVER_PORT", "82"),
        (["X-Forwarded-Port: 82"], "HTTP_HOST", "a"),
        (["X-Forwarded-Proto: http"], "wsgi.url_scheme", "http"),
    ],
)
def test_each_field_means_what_proxies_mean_by_it(
    trusting: Server, connect: Connect, fields: list[str], key: str, value: str
) -> None:
    assert environ_of(connect(trusting), get("/", *fields))[key] == value


def test_nothing_of_one_request_is_left_for_the_next(trusting: Server, connect: Connect) -> None:
    wire = connect(trusting)
    before = environ_of(wire, get())

    environ_of(wire, get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"))

    assert environ_of(wire, get()) == before


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Forwarded-Proto: https", "X-Forwarded-Proto: http"],
        ["X-Forwarded-Proto: https, http"],
        ["X-Forwarded-Proto: javascript"],
        ["X-Forwarded-Host: b", "X-Forwarded-Host: c"],
        ["X-Forwarded-Host: b/c"],
        ["X-Forwarded-Port: 80, 81"],
    ],
)
def test_what_says_two_things_or_none_is_refused(
    trusting: Server, wary: Server, connect: Connect, fields: list[str]
) -> None:
    assert connect(trusting).send(get("/", *fields)).read_response().status == 400
    assert connect(wary).send(get("/", *fields)).read_response().status == 200


def test_who_is_not_trusted_is_not_believed(wary: Server, connect: Connect) -> None:
    said = ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: b"]

    environ = environ_of(connect(wary), get("/", *said))

    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert (environ["wsgi.url_scheme"], environ["HTTP_HOST"]) == ("http", "a")
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"


def test_clients_of_a_unix_socket_are_believed_when_the_list_says_so(
    serve: Serve, connect: Connect, tmp_path: Any
) -> None:
    field = "X-Forwarded-For: 1.2.3.4"
    for trusted, address in (("unix", "1.2.3.4"), ("127.0.0.1", "")):
        bind = ("--bind", f"unix:{tmp_path}/{trusted}")
        server = serve("environ:app", "--forwarded-allow-ips", trusted, *bind)
        assert environ_of(connect(server), get("/", field))["REMOTE_ADDR"] == address


HOP = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(network=ip_network("10.0.0.0/8")).map(str),
    st.ip_addresses(network=ip_network("2001:db8::/32")).map(str),
    st.sampled_from(["unknown", "_x", "nonsense", "1.2.3", ""]),
)


def client_of(hops: list[str]) -> str:
    """Return whom the model takes for the client."""
    trusted = [ip_network(item) for item in TRUSTED.split(",")]
    client = "127.0.0.1"
    for hop in reversed(hops):
        if not hop:
            continue
        try:
            address = ip_address(hop)
        except ValueError:
            break
        client = str(address)
        if not any(address in network for network in trusted):
            break
    return client


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.lists(HOP, max_size=5), max_size=3))
def test_the_client_is_the_one_of_the_model(trusting: Server, lines: list[list[str]]) -> None:
    wire = Wire(trusting.connect())
    try:
        wire.send(get("/", *[f"X-Forwarded-For: {', '.join(each)}" for each in lines]))
        seen = json.loads(wire.read_response().body)["REMOTE_ADDR"]
    finally:
        wire.close()

    assert ip_address(seen) == ip_address(client_of([hop for each in lines for hop in each]))


# --- the PROXY protocol


def test_a_relay_names_the_client_for_the_whole_connection(
    relayed: Server, connect: Connect
) -> None:
    wire = connect(relayed).send(header_for(relayed))

    seen = [environ_of(wire, get()) for _ in range(3)]

    assert {each["REMOTE_ADDR"] for each in seen} == {"203.0.113.7"}
    assert {each["REMOTE_PORT"] for each in seen} == {"4711"}


def test_a_header_may_come_octet_by_octet(relayed: Server, connect: Connect) -> None:
    octets = header_for(relayed) + get()
    wire = connect(relayed).send(*(octets[i : i + 1] for i in range(len(octets))))

    assert json.loads(wire.read_response().body)["REMOTE_ADDR"] == "203.0.113.7"


@pytest.mark.parametrize("octets", [get(), b"PROXY TCP4 x y 1 2\r\n" + get(), V2 + b"\x31\0\0\0"])
def test_without_a_proper_header_a_relay_is_answered_400_and_closed(
    relayed: Server, connect: Connect, octets: bytes
) -> None:
    wire = connect(relayed).send(octets)

    assert wire.read_response().status == 400
    assert wire.is_ended()


def test_both_versions_are_understood_by_auto_and_by_nobody_else(
    shared: Serve, connect: Connect
) -> None:
    def status(version: str, header: bytes) -> int:
        server = shared("environ:app", "--proxy-protocol", version)
        return connect(server).send(header + get()).read_response().status

    assert [status("auto", header) for header in (line(), binary())] == [200, 200]
    assert [status("v1", header) for header in (line(), binary())] == [200, 400]
    assert [status("v2", header) for header in (line(), binary())] == [400, 200]
    assert [status("off", header) for header in (line(), binary())] == [400, 400]


@pytest.mark.parametrize(
    "header", [b"PROXY UNKNOWN\r\n", V2 + b"\x20\0\0\0", V2 + b"\x21\0\0\x04\x04\0\x01x"]
)
def test_a_header_that_names_nobody_leaves_the_address_of_the_socket(
    shared: Serve, connect: Connect, header: bytes
) -> None:
    server = shared("environ:app", "--proxy-protocol", "auto")
    wire = connect(server).send(header)

    environ = environ_of(wire, get())

    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REMOTE_PORT"] == str(wire.sock.getsockname()[1])


@pytest.mark.parametrize("header", [line("2001:db8::9"), binary("2001:db8::9", more=b"\4\0\1x")])
def test_clients_of_ipv6_and_further_values_are_understood(
    shared: Serve, connect: Connect, header: bytes
) -> None:
    server = shared("environ:app", "--proxy-protocol", "auto")

    assert environ_of(connect(server), header + get())["REMOTE_ADDR"] == "2001:db8::9"


def test_who_is_no_relay_is_served_as_itself(shared: Serve, connect: Connect) -> None:
    options = ("--proxy-protocol", "auto", "--proxy-allow-ips", "10.0.0.0/8")
    server = shared("environ:app", *options)

    assert environ_of(connect(server), get())["REMOTE_ADDR"] == "127.0.0.1"
    assert connect(server).send(line() + get()).read_response().status == 400


@pytest.mark.parametrize(
    ("trusted", "address"), [("127.0.0.1", "1.2.3.4"), ("203.0.113.7", "203.0.113.7")]
)
def test_fields_are_believed_from_the_relay_not_from_whom_it_speaks_for(
    shared: Serve, connect: Connect, trusted: str, address: str
) -> None:
    options = ("--proxy-protocol", "auto", "--forwarded-allow-ips", trusted)
    request = line() + get("/", "X-Forwarded-For: 1.2.3.4")

    assert environ_of(connect(shared("environ:app", *options)), request)["REMOTE_ADDR"] == address


def test_half_a_header_times_out_as_half_a_head_does(serve: Serve, connect: Connect) -> None:
    server = serve("environ:app", "--proxy-protocol", "v1", "--head-timeout", "0.3")
    wire = connect(server).send(b"PROXY TCP4 1.2")

    assert wire.read_response().status == 408
    assert wire.is_ended()


def test_a_relay_of_a_unix_socket_names_clients_that_do_not_leak_to_others(
    serve: Serve, connect: Connect, tmp_path: Any
) -> None:
    options = ("--proxy-protocol", "v1", "--proxy-allow-ips", "unix")
    server = serve("environ:app", *options, "--bind", f"unix:{tmp_path}/s")

    named = environ_of(connect(server), line() + get())
    nameless = environ_of(connect(server), b"PROXY UNKNOWN\r\n" + get())

    assert (named["REMOTE_ADDR"], named["REMOTE_PORT"]) == ("203.0.113.7", "4711")
    assert (nameless["REMOTE_ADDR"], nameless["REMOTE_PORT"]) == ("", "")


def test_a_named_client_is_remembered_where_its_connection_rests(
    serve: Serve, connect: Connect
) -> None:
    server = serve("environ:app", "--proxy-protocol", "v1", workers=2)
    wire = connect(server).send(line())
    others = [connect(server).send(line("198.51.100.1") + get()) for _ in range(4)]
    for other in others:
        other.read_response()
    wire.sock.settimeout(0.3)  # it goes back to the master, which deals it to whoever is next
    with pytest.raises(socket.timeout):
        wire.sock.recv(1)
    wire.sock.settimeout(20)

    assert environ_of(wire, get())["REMOTE_ADDR"] == "203.0.113.7"

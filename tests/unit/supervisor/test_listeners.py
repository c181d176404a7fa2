"""The listening sockets, with real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fastfork.errors import BindError
from fastfork.supervisor.binds import parse_bind
from fastfork.supervisor.listeners import Listener, open_listeners

Listen = Callable[..., list[Listener]]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Give a function that listens on addresses; all are closed at the end."""
    opened: list[Listener] = []

    def listen(*texts: str) -> list[Listener]:
        listeners = open_listeners([parse_bind(text) for text in texts], backlog=16)
        opened.extend(listeners)
        return listeners

    yield listen
    for listener in opened:
        listener.close()


def option(listener: Listener, level: int, name: int) -> int:
    """Return a socket option of *listener*."""
    with socket.socket(fileno=os.dup(listener.fd)) as sock:
        return sock.getsockopt(level, name)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_port_0_gives_the_real_port(listen: Listen) -> None:
    (listener,) = listen("127.0.0.1:0")

    host, port = listener.server
    assert host == "127.0.0.1"
    assert listener.url == f"http://127.0.0.1:{port}"
    socket.create_connection((host, int(port))).close()


def test_tcp_listener_has_the_options_that_connections_inherit(listen: Listen) -> None:
    (listener,) = listen("127.0.0.1:0")

    assert option(listener, socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert option(listener, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert option(listener, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert option(listener, socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 1 << 20
    assert option(listener, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT)
    assert not option(listener, socket.SOL_SOCKET, socket.SO_REUSEPORT)


@pytest.mark.parametrize("kind", ["127.0.0.1:0", "unix:{}/sock"])
def test_listener_never_blocks_and_no_other_program_inherits_it(
    listen: Listen, tmp_path: Path, kind: str
) -> None:
    (listener,) = listen(kind.format(tmp_path))

    assert not os.get_blocking(listener.fd)
    assert not os.get_inheritable(listener.fd)


def test_ipv6_address_is_told_in_brackets(listen: Listen) -> None:
    (listener,) = listen("[::1]:0")

    assert listener.url.startswith("http://[::1]:")


def test_any_ipv6_address_is_any_ipv4_address_too(listen: Listen) -> None:
    (listener,) = listen("[::]:0")

    assert not option(listener, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    socket.create_connection(("127.0.0.1", int(listener.server[1]))).close()


def test_both_wildcards_of_a_port_share_it(listen: Listen) -> None:
    port = free_port()

    v6, v4 = listen(f"[::]:{port}", f"0.0.0.0:{port}")

    assert option(v6, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    assert v4.url == f"http://0.0.0.0:{port}"


def test_port_in_use_is_told_with_a_remedy(listen: Listen) -> None:
    (listener,) = listen("127.0.0.1:0")
    address = f"127.0.0.1:{listener.server[1]}"

    with pytest.raises(BindError) as caught:
        listen(address)

    assert str(caught.value) == (
        f"can't listen on {address}: the port is in use; take another one, or find its owner with: ss -ltnp"
    )


def test_address_of_another_machine_is_told(listen: Listen) -> None:
    with pytest.raises(BindError, match="no interface of this machine has that address"):
        listen("192.0.2.1:0")


def test_unknown_host_is_told(listen: Listen) -> None:
    with pytest.raises(BindError, match="there is no such host"):
        listen("nosuchhost.invalid:80")


def test_first_listener_is_closed_if_the_second_fails(listen: Listen) -> None:
    port = free_port()

    with pytest.raises(BindError):
        listen(f"127.0.0.1:{port}", f"127.0.0.1:{port}")

    (listener,) = listen(f"127.0.0.1:{port}")
    assert listener.server[1] == str(port)


def test_unix_socket_answers_and_its_file_goes_with_it(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "sock"
    (listener,) = listen(f"unix:{path}")

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    listener.close()

    assert listener.url == f"unix:{path}"
    assert not path.exists()


def test_unix_socket_is_open_to_every_user(listen: Listen, tmp_path: Path) -> None:
    listen(f"unix:{tmp_path}/sock")

    assert (tmp_path / "sock").stat().st_mode & 0o777 == 0o777


def test_stale_socket_file_is_replaced(listen: Listen, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "sock"))

    listen(f"unix:{tmp_path}/sock")

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "sock"))


def test_socket_file_of_a_live_server_is_left_alone(listen: Listen, tmp_path: Path) -> None:
    listen(f"unix:{tmp_path}/sock")

    with pytest.raises(BindError, match="a server is listening there"):
        listen(f"unix:{tmp_path}/sock")

    assert (tmp_path / "sock").exists()


def test_file_that_is_no_socket_is_left_alone(listen: Listen, tmp_path: Path) -> None:
    (tmp_path / "sock").write_text("precious")

    with pytest.raises(BindError, match="the file exists and is not a socket"):
        listen(f"unix:{tmp_path}/sock")

    assert (tmp_path / "sock").read_text() == "precious"


def test_socket_file_of_a_successor_stays(listen: Listen, tmp_path: Path) -> None:
    (listener,) = listen(f"unix:{tmp_path}/sock")
    (tmp_path / "sock").unlink()
    listen(f"unix:{tmp_path}/sock")

    listener.close()

    assert (tmp_path / "sock").exists()


def test_abstract_socket_answers(listen: Listen, tmp_path: Path) -> None:
    name = f"fastfork-{os.getpid()}"

    (listener,) = listen(f"unix:@{name}")

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{name}")
    assert listener.url == f"unix:@{name}"


def test_inherited_socket_is_listened_on(listen: Listen) -> None:
    with socket.socket() as inherited:
        inherited.bind(("127.0.0.1", 0))
        (listener,) = listen(f"fd://{inherited.fileno()}")
        port = inherited.getsockname()[1]

    socket.create_connection(("127.0.0.1", port)).close()
    assert listener.url == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("text", ["fd://1000000", "fd://{}"])
def test_descriptor_that_is_no_listening_socket_is_told(listen: Listen, text: str) -> None:
    reader, writer = os.pipe()

    with pytest.raises(BindError, match="it must be an inherited stream socket"):
        listen(text.format(reader))

    os.close(reader)
    os.close(writer)

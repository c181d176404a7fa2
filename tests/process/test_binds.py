"""Every kind of address that `--bind` takes."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path

from fix_cluster import Start
from fix_wire import Wire, get


def ask_unix(path: Path) -> bytes:
    """Return the body of an answer that came through *path*."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(path))
        sock.sendall(get())
        return Wire(sock).read_response().body


def test_a_unix_socket_is_served_and_removed_at_the_end(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = start("process:app", "-b", f"unix:{path}")

    assert ask_unix(path)

    server.process.terminate()
    server.wait_for_end()
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))

    start("process:app", "-b", f"unix:{path}")

    assert ask_unix(path)


def test_a_unix_socket_where_a_server_listens_is_refused(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    start("process:app", "-b", f"unix:{path}")
    second = start("process:app", "-b", f"unix:{path}", is_up=False)
    second.exit_code = 1

    assert second.wait_for_end() == 1
    assert "a server is listening there" in second.log
    assert ask_unix(path)


def test_a_file_that_is_no_socket_is_refused_and_kept(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    server = start("process:app", "-b", f"unix:{path}", is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert path.read_text() == "data"


def test_a_socket_file_that_another_server_put_there_is_not_removed(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    server = start("process:app", "-b", f"unix:{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))

    server.process.terminate()
    server.wait_for_end()
    assert path.exists()


def test_an_abstract_socket_is_served(start: Start) -> None:
    name = f"fastfork-test-{os.getpid()}"
    start("process:app", "-b", f"unix:@{name}")

    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"\0{name}")
        sock.sendall(get())
        assert Wire(sock).read_response().status == 200


def test_two_addresses_are_served_at_once(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = start("process:app", "-b", "127.0.0.1:0", "-b", f"unix:{path}")

    assert server.ask()
    assert ask_unix(path)
    assert f"Listening at: unix:{path}" in server.log


def test_a_second_address_in_use_leaves_the_first_free(start: Start, tmp_path: Path) -> None:
    taken = start()
    path = tmp_path / "socket"
    bind = f"127.0.0.1:{taken.port}"
    server = start("process:app", "-b", f"unix:{path}", "-b", bind, is_up=False)
    server.exit_code = 1

    server.wait_for_end()
    assert not path.exists()


def test_ipv6_is_served(start: Start) -> None:
    server = start("process:app", "-b", "[::1]:0")

    port = int(re.findall(r"Listening at: http://\[::1\]:(\d+)", server.log)[0])
    with socket.create_connection(("::1", port)) as sock:
        assert Wire(sock).send(get()).read_response().status == 200


def test_a_client_by_ipv4_of_an_ipv6_listener_has_an_ipv4_address(start: Start) -> None:
    server = start("environ:app", "-b", "[::]:0")

    port = int(re.findall(r"Listening at: http://\[::\]:(\d+)", server.log)[0])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        environ = json.loads(Wire(sock).send(get()).read_response().body)
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


INHERIT = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
os.dup2(listener.fileno(), 9)
os.execv(sys.executable, [sys.executable, "-m", "fastfork", *sys.argv[1:]])
"""


def test_an_inherited_socket_is_served(start: Start) -> None:
    server = start("process:app", "-b", "fd://9", command=[sys.executable, "-c", INHERIT])

    assert server.ask()

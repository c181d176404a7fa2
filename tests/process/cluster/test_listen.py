"""Addresses: the primary listens, for all its workers; numbers are those of README.md."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from fix_play import Play, Stage
from fix_processes import wait_until

TRY = """
try:
    cluster.serve(app, {bind})
except Exception as error:
    say(type(error).__name__, str(error).partition(";")[0])
    sys.exit(3)
"""
LISTENING = 'cluster.on("listening", lambda w, a: say("listening", a.port))\n'


def test_47_second_cluster_on_a_port_is_refused_and_the_first_serves_on(
    play: Stage, serving: Play
) -> None:
    bind = f"127.0.0.1:{serving.port()}"

    other = play("cluster.fork()", TRY.format(bind=repr(bind)))

    assert other.end() == [f"BindError can't listen on {bind}: the port is in use"]
    assert serving.ask()


def test_46_48_address_that_was_taken_can_be_had_when_it_is_free(play: Stage) -> None:
    program = play(
        LISTENING
        + """
import socket
taken = socket.create_server(("127.0.0.1", 0))
port = taken.getsockname()[1]
@cluster.on("exit")
def again(worker, code, signal):
    if code == 3:
        taken.close()
        cluster.fork({"PORT": str(port)})
cluster.on("listening", lambda w, a: (say(a.port == port), cluster.disconnect()))
cluster.fork({"PORT": str(port)})
""",
        TRY.format(bind='"127.0.0.1:" + os.environ["PORT"]'),
    )

    lines = program.end()

    assert lines[0].startswith("BindError can't listen on 127.0.0.1:")
    assert lines[2] == "True"


def test_49_address_that_may_not_be_had_is_told_to_the_worker(play: Stage) -> None:
    program = play(
        'cluster.fork()\ncluster.on("exit", lambda w, code, signal: say(code))',
        TRY.format(bind='"192.0.2.1:80"'),
    )

    lines = program.end()

    assert lines[0].startswith("BindError can't listen on 192.0.2.1:80")
    assert lines[1] == "3"


def test_53_port_0_is_one_real_port_for_all(serving: Play) -> None:
    ports = {line for line in serving.lines if line.startswith("listening")}

    assert ports == {f"listening {serving.port()}"}
    assert serving.port() > 0


def test_56_backlog_is_the_one_that_was_asked_for(play: Stage) -> None:
    program = play(
        """
        cluster.fork()
        @cluster.on("listening")
        def look(worker, address):
            import socket
            for name in os.listdir("/proc/self/fd"):
                try:
                    sock = socket.socket(fileno=os.dup(int(name)))
                except OSError:
                    continue
                if sock.family == socket.AF_INET and sock.getsockname()[1] == address.port:
                    # Of one that listens, tcpi_sacked is the length of its queue.
                    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
                    say(int.from_bytes(info[28:32], sys.byteorder))
            cluster.disconnect()
        """,
        'cluster.serve(app, "127.0.0.1:0", backlog=7)',
    )

    assert program.end() == ["7"]


def test_58_59_ipv6_leaves_the_ipv4_port_free(play: Stage) -> None:
    program = play(
        """
        cluster.fork()
        @cluster.on("listening")
        def look(worker, address):
            import socket
            say(address.address_type)
            socket.create_server(("127.0.0.1", address.port)).close()
            cluster.disconnect()
        """,
        'cluster.serve(app, "[::1]:0")',
    )

    assert program.end() == ["6"]


def test_60_62_unix_socket_is_served_and_its_file_removed(play: Stage, tmp_path: Path) -> None:
    program = play(
        'cluster.fork()\ncluster.on("listening", lambda w, a: say(*a))',
        """
        def peer(environ, start_response):
            start_response("200 OK", [])
            return [repr(environ["REMOTE_ADDR"]).encode()]
        cluster.serve(peer, "unix:site")
        """,
    )
    program.wait_for("site -1 -1")

    with socket.socket(socket.AF_UNIX) as sock:
        os.chdir(tmp_path)
        sock.connect("site")
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = sock.makefile("rb").read()

    assert answer.endswith(b"''")
    program.end(by=signal.SIGTERM)
    assert not (tmp_path / "site").exists()


def test_61_unix_socket_is_for_everybody(play: Stage, tmp_path: Path) -> None:
    program = play(
        'cluster.fork()\ncluster.on("listening", lambda w, a: say(*a))',
        'cluster.serve(app, "unix:site")',
    )
    program.wait_for("site -1 -1")

    assert (tmp_path / "site").stat().st_mode & 0o777 == 0o777
    program.end(by=signal.SIGTERM)


def test_67_descriptor_that_was_inherited_is_served(play: Stage) -> None:
    program = play(
        """
        import socket
        sock = socket.create_server(("127.0.0.1", 0))
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.setup_primary(args=[sock.fileno()])
        cluster.fork()
        """,
        'cluster.serve(app, f"fd://{sys.argv[1]}")',
    )

    assert program.ask()[0] == 1
    program.end(by=signal.SIGTERM)


def test_workers_of_a_cluster_serve_the_same_addresses(play: Stage) -> None:
    program = play(
        """
        cluster.on("listening", lambda w, a: cluster.fork() if w.id == 1 else None)
        cluster.on("exit", lambda w, code, signal: (say(w.id, code), cluster.disconnect()))
        cluster.fork()
        """,
        TRY.format(bind='"127.0.0.1:0" if cluster.worker.id == 1 else "unix:other"'),
    )

    lines = program.end()

    assert lines[0].startswith("BindError the workers of a cluster serve the same addresses")
    assert "2 3" in lines


def test_two_addresses_are_two_events(play: Stage) -> None:
    program = play(
        """
        cluster.on("listening", lambda w, a: say(a.address_type))
        cluster.fork().on("listening", lambda a: cluster.disconnect())
        """,
        'cluster.serve(app, "127.0.0.1:0", "unix:two")',
    )

    assert program.end() == ["4", "-1"]


def test_what_is_no_application_is_refused(play: Stage) -> None:
    program = play(
        "cluster.fork()",
        "try:\n    cluster.serve(42)\nexcept Exception as error:\n    say(type(error).__name__)",
    )

    assert program.end() == ["AppNotFound"]


def test_72_request_behind_a_full_worker_goes_to_another_one(serving: Play) -> None:
    """Four connections that are kept and quiet: none of them keeps a fifth from being served."""
    wires = [serving.connect() for _ in range(4)]

    wait_until(lambda: {serving.ask()[0] for _ in range(2)} == {1, 2})

    for wire in wires:
        wire.close()

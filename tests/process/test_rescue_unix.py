"""Over a unix socket the kernel does not count: what is not noted before a death is not known after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Gate, Start, answer
from fix_deaths import holder, kill_and_open, kill_at, wait_for_word
from fix_wire import Connect, get, post

MakeGate = Callable[[], Gate]


def test_over_a_unix_socket_a_get_is_run_again(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("process:app", "-b", f"unix:{tmp_path / 'socket'}", workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))

    _, survivor = kill_and_open(server, door)

    assert answer(wire.read_response().body).pid == survivor
    assert answer(wire.send(get()).read_response().body).pid in server.workers


def test_over_a_unix_socket_a_post_is_answered_502(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("process:app", "-b", f"unix:{tmp_path / 'socket'}", workers=2)
    door = gate()
    wire = connect(server).send(post(b"x", door.url()))

    kill_at(server, door)

    assert wire.read_response().status == 502


def test_over_a_unix_socket_a_begun_answer_is_cut(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\n")
    server = start("stream:app", "-b", f"unix:{tmp_path / 'socket'}", workers=1)
    wire = connect(server).send(get(f"/?{lines}"))
    assert wire.read_until(b"one\n")

    os.kill(server.worker_in(0), signal.SIGKILL)

    assert wire.read_to_end() == b"\r\n"
    wait_for_word(server, "GET /?", "its connection was cut")


@pytest.mark.parametrize("first", [1, 20, -2])
def test_over_a_unix_socket_half_a_request_is_completed_by_the_next_worker(
    first: int, start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start("process:app", "-b", f"unix:{tmp_path / 'socket'}", workers=1)
    wire = connect(server)
    assert wire.send(get()).read_response().status == 200
    wire.send(get()[:first])
    victim = holder(server)

    os.kill(victim, signal.SIGKILL)
    server.wait_for_log(f"(pid {victim}) died")

    assert answer(wire.send(get()[first:]).read_response().body).pid != victim


def test_an_idle_connection_over_a_unix_socket_lives_on(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start("process:app", "-b", f"unix:{tmp_path / 'socket'}", workers=2)
    wire = connect(server).send(get())
    owner = answer(wire.read_response().body)
    server.wait_for_rest()

    server.replace(owner.slot)

    assert answer(wire.send(get()).read_response().body).pid != owner.pid

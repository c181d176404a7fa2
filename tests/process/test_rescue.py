"""A worker dies with a request: it is run again, answered 502, or cut, and never anything else."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import EAGER, Gate, Start, answer
from fix_deaths import holder, kill_and_open, kill_at, wait_for_word
from fix_fds import open_fds
from fix_processes import wait_until
from fix_server import APPS
from fix_wire import Connect, get, post

MakeGate = Callable[[], Gate]


class Request:
    """A request to the application `counted`, which notes its runs."""

    def __init__(self, folder: Path, name: str = "request", *, door: Gate | None = None) -> None:
        self._runs = folder / f"{name}.runs"
        self.path = f"/{name}?runs={self._runs}" + (f"&gate={door.path}" if door else "")

    @property
    def runs(self) -> list[str]:
        """The pids of the workers that ran it, in order."""
        return [line.split()[1] for line in self._runs.read_text().splitlines()]


# --- what a request that was running becomes


def test_a_get_whose_worker_is_killed_is_answered_by_another(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", workers=2)
    door = gate()
    request = Request(tmp_path, door=door)
    wire = connect(server).send(get(request.path))

    victim, survivor = kill_and_open(server, door)

    response = wire.read_response()
    assert response.status == 200
    assert response.body.split()[1] == str(survivor).encode()
    assert request.runs == [str(victim), str(survivor)]


def test_the_log_says_which_request_is_run_again(start: Start, connect: Connect) -> None:
    server = start(workers=1)

    connect(server).send(get("/die?signal=9"))

    server.wait_for_log("worker 0 died in GET /die?signal=9 HTTP/1.1: another one runs it again\n")
    server.wait_for_log(") died: SIGKILL; next try at once\n")


def test_the_connection_of_a_replayed_request_lives_on(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    door = gate()
    wire = connect(server).send(get(door.url()))

    kill_and_open(server, door)

    for _ in range(3):
        assert wire.read_response().status == 200
        wire.send(get())


@pytest.mark.parametrize(
    ("replay", "method"), [("safe", "HEAD"), ("safe", "OPTIONS"), ("idempotent", "GET")]
)
def test_what_is_safe_is_run_again(
    replay: str, method: str, start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", "--replay", replay, workers=2)
    door = gate()
    request = Request(tmp_path, door=door)
    wire = connect(server).send(get(request.path, method=method))

    victim, survivor = kill_and_open(server, door)

    assert wire.read_response(to_head=method == "HEAD").status == 200
    assert request.runs == [str(victim), str(survivor)]


def test_an_idempotent_request_is_run_again_with_its_body_if_that_is_allowed(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", "--replay", "idempotent", workers=2)
    door = gate()
    request = Request(tmp_path, door=door)
    body = os.urandom(5000).hex().encode()
    head = get(request.path, f"Content-Length: {len(body)}", method="PUT")
    wire = connect(server).send(head + body)

    victim, survivor = kill_and_open(server, door)

    assert wire.read_response().body.split()[1:] == [str(survivor).encode(), body]
    assert request.runs == [str(victim), str(survivor)]


@pytest.mark.parametrize(
    ("replay", "method"),
    [("off", "GET"), ("off", "POST"), ("safe", "POST"), ("safe", "PUT"), ("idempotent", "POST")],
)
def test_what_may_not_run_twice_is_answered_502_and_ran_once(
    replay: str, method: str, start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", "--replay", replay, workers=2)
    door = gate()
    request = Request(tmp_path, door=door)
    head = get(request.path, "Content-Length: 3", method=method)
    wire = connect(server).send(head + b"abc")

    victim = kill_at(server, door)

    response = wire.read_response()
    assert (response.status, response["Connection"]) == (502, "close")
    assert wire.is_ended()
    server.wait_for_log(f"(pid {victim}) died: SIGKILL, 1 request lost")
    wait_for_word(server, f"{method} /request?", "answered 502")
    assert request.runs == [str(victim)]


def test_a_request_larger_than_what_is_kept_is_answered_502(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", "--replay", "idempotent", workers=2)
    door = gate()
    request = Request(tmp_path, door=door)
    head = get(request.path, "Content-Length: 20000", method="PUT")
    wire = connect(server).send(head + b"x" * 20000)

    victim = kill_at(server, door)

    assert wire.read_response().status == 502
    assert request.runs == [str(victim)]
    wait_for_word(server, "a request", "answered 502")  # its first line is gone as well


@pytest.mark.parametrize(
    ("death", "runs"),
    [
        pytest.param("signal=11", 2, id="by itself"),
        pytest.param("signal=9", 4, id="as if from outside"),
    ],
)
def test_a_request_that_kills_workers_is_answered_502(
    start: Start, connect: Connect, death: str, runs: int
) -> None:
    server = start(workers=2, command=EAGER)
    others = [connect(server).send(get()) for _ in range(6)]
    for wire in others:
        wire.read_response()

    poison = connect(server).send(get(f"/die?{death}"))

    assert poison.read_response().status == 502
    wait_until(lambda: server.log.count(") died: SIG") == runs)
    told = re.findall(rf"died in GET /die\?{death} HTTP/1.1: (.*)", server.log)
    assert told == ["another one runs it again"] * (runs - 1) + ["answered 502"]
    assert all(wire.send(get()).read_response().status == 200 for wire in others)


def test_a_connection_may_meet_two_deaths_in_two_requests(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start("process:app", workers=2, command=EAGER)
    wire = connect(server)

    for _ in range(3):
        door = gate()
        wire.send(get(door.url()))
        kill_and_open(server, door)
        assert wire.read_response().status == 200


def test_pipelined_requests_are_run_again_as_a_group(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", workers=2)
    door = gate()
    first, second = Request(tmp_path, "first"), Request(tmp_path, "second")
    third = Request(tmp_path, "third", door=door)
    wire = connect(server).send(b"".join(get(request.path) for request in (first, second, third)))
    server.worker_at(door)
    assert wire.is_quiet()

    ran = [str(pid) for pid in kill_and_open(server, door)]

    assert [wire.read_response().body.split()[1].decode() for _ in range(3)] == [ran[1]] * 3
    assert (first.runs, second.runs, third.runs) == (ran, ran, ran)


def test_a_group_with_a_post_in_it_is_answered_502_and_ran_once(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", workers=2)
    door = gate()
    first, second = Request(tmp_path, "first"), Request(tmp_path, "second", door=door)
    wire = connect(server).send(post(b"abc", first.path) + get(second.path))

    kill_at(server, door)

    assert wire.read_response().status == 502
    assert wire.is_ended()
    assert (len(first.runs), len(second.runs)) == (1, 1)


def test_a_begun_stream_is_cut_and_not_continued(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\n")
    server = start("stream:app", workers=2)
    wire = connect(server).send(get(f"/?{lines}"))
    assert wire.read_head().status == 200
    assert wire.read_until(b"one\n")
    victim = wait_until(
        lambda: next((pid for pid in server.workers if str(lines) in open_fds(pid).values()), 0)
    )

    os.kill(victim, signal.SIGKILL)

    assert wire.read_to_end() == b"\r\n"  # of the first chunk: the last one never comes
    wait_for_word(server, "GET /?", "its connection was cut")


def test_a_large_answer_that_is_half_out_is_cut(start: Start, connect: Connect) -> None:
    server = start("answers:app", workers=1)
    # The kernel takes 4 MiB and more; what has no end can't be out.
    wire = connect(server).send(get("/endless?x"))
    assert wire.read_head().status == 200

    os.kill(server.worker_in(0), signal.SIGKILL)

    assert not wire.read_to_end().endswith(b"\r\n0\r\n\r\n")
    wait_for_word(server, "GET /endless?x HTTP/1.1", "its connection was cut")


OPTS_OUT = """
import process

def app(environ, start_response):
    environ["fastfork.no_replay"]()
    return process.app(environ, start_response)
"""


def test_request_that_says_so_is_never_run_again(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    (tmp_path / "opts_out.py").write_text(OPTS_OUT)
    (tmp_path / "process.py").write_text((APPS / "process.py").read_text())
    server = start("opts_out:app", workers=2, cwd=tmp_path)
    door = gate()
    wire = connect(server).send(get(door.url()))

    kill_at(server, door)

    assert wire.read_response().status == 502
    assert answer(server.ask()).pid in server.workers


# --- what was not running


def test_connections_that_were_just_answered_live_on(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    wires = [connect(server) for _ in range(20)]
    for wire in wires:
        wire.send(get())
    answers = [answer(wire.read_response().body) for wire in wires]

    os.kill(answers[-1].pid, signal.SIGKILL)

    for wire in wires:
        assert answer(wire.send(get()).read_response().body).pid != answers[-1].pid


@pytest.mark.parametrize("size", [1, 20, 40])
def test_half_a_head_that_a_dead_worker_had_read_is_completed_by_another(
    size: int, start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    wire = connect(server).send(get("/x" * 20)[:size])
    victim = holder(server)

    os.kill(victim, signal.SIGKILL)
    server.wait_for_log(f"(pid {victim}) died: SIGKILL;")
    wire.send(get("/x" * 20)[size:])

    assert answer(wire.read_response().body).pid != victim


def test_half_a_body_that_a_dead_worker_had_read_is_completed_by_another(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    server = start("counted:app", workers=2)
    request = Request(tmp_path)
    body = os.urandom(5000).hex().encode()
    whole = post(body, request.path)
    wire = connect(server).send(whole[:-4000])
    victim = holder(server)

    os.kill(victim, signal.SIGKILL)
    server.wait_for_log(f"(pid {victim}) died: SIGKILL;")
    wire.send(whole[-4000:])

    assert wire.read_response().body.split()[2] == body
    assert len(request.runs) == 1


def test_a_request_survives_a_death_in_every_part_of_it(start: Start, connect: Connect) -> None:
    server = start("process:app", workers=2, command=EAGER)
    wire = connect(server)
    request = get("/", "X-Long: " + "x" * 200)

    for at in range(0, len(request) - 60, 60):
        wire.send(request[at : at + 60])
        victim = holder(server)
        os.kill(victim, signal.SIGKILL)
        server.wait_for_log(f"(pid {victim}) died: SIGKILL;")
    wire.send(request[at + 60 :])

    assert wire.read_response().status == 200


def test_all_workers_die_at_once_and_every_get_is_answered(
    start: Start, connect: Connect, gate: MakeGate, tmp_path: Path
) -> None:
    server = start("counted:app", workers=4)
    doors = [gate() for _ in range(4)]
    running = [Request(tmp_path, f"running{i}", door=door) for i, door in enumerate(doors)]
    waiting = [Request(tmp_path, f"waiting{i}") for i in range(16)]
    wires = [connect(server).send(get(f"{request.path}&once=1")) for request in running]
    victims = [server.worker_at(door) for door in doors]
    assert len(set(victims)) == 4
    wires += [connect(server).send(get(request.path)) for request in waiting]

    for pid in victims:
        os.kill(pid, signal.SIGKILL)

    assert [wire.read_response().status for wire in wires] == [200] * 20
    assert [len(request.runs) for request in running + waiting] == [2] * 4 + [1] * 16


# --- workers that live, and serve nothing


def test_connections_of_a_stopped_worker_are_served_by_others(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    idle = [connect(server).send(get()) for _ in range(20)]
    for wire in idle:
        wire.read_response()
    victim = server.worker_in(0)
    server.wait_for_rest()  # what is inside a request when its worker is stopped stays there

    os.kill(victim, signal.SIGSTOP)
    wires = [wire.send(get()) for wire in idle] + [connect(server).send(get()) for _ in range(20)]

    assert {answer(wire.read_response().body).slot for wire in wires} == {1}
    os.kill(victim, signal.SIGCONT)


def test_half_a_request_at_a_stopped_worker_is_completed_by_another(
    start: Start, connect: Connect
) -> None:
    server = start(workers=2)
    wire = connect(server).send(get()[:20])
    victim = holder(server)
    server.wait_for_rest()

    os.kill(victim, signal.SIGSTOP)  # and nobody else asks anything

    assert answer(wire.send(get()[20:]).read_response().body).pid != victim
    os.kill(victim, signal.SIGCONT)


def test_a_worker_that_goes_on_after_a_stop_gets_work_again(start: Start, connect: Connect) -> None:
    server = start(workers=2)
    victim = server.worker_in(0)
    os.kill(victim, signal.SIGSTOP)
    wires = [connect(server).send(get()) for _ in range(4)]
    assert {answer(wire.read_response().body).slot for wire in wires} == {1}

    os.kill(victim, signal.SIGCONT)

    wait_until(lambda: server.who().pid == victim)


def test_half_a_request_at_a_busy_worker_is_completed_by_another(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    half = [connect(server).send(get()[:20]) for _ in range(4)]
    server.wait_for_rest()
    door = gate()
    blocked = connect(server).send(get(door.url()))
    busy = server.worker_at(door)

    pids = {answer(wire.send(get()[20:]).read_response().body).pid for wire in half}

    assert busy not in pids
    door.open()
    assert answer(blocked.read_response().body).pid == busy


def test_a_handler_that_blocks_delays_nobody_else(
    start: Start, connect: Connect, gate: MakeGate
) -> None:
    server = start(workers=2)
    kept = [connect(server).send(get()) for _ in range(100)]
    for wire in kept:
        wire.read_response()
    door = gate()
    blocked = connect(server).send(get(door.url()))
    server.worker_at(door)

    for wire in [*kept, *(connect(server) for _ in range(100))]:
        assert wire.send(get()).read_response().status == 200

    assert blocked.is_quiet()
    door.open()
    assert blocked.read_response().status == 200

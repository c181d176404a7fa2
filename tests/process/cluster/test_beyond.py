"""What Node does not test, and must be so here; numbers are those of README.md."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from fix_fds import open_fds
from fix_play import Play, Stage
from fix_processes import cpu_of, wait_until
from fix_wire import Wire, get

LISTENING = 'cluster.on("listening", lambda w, a: say("listening", a.port))\n'


def status_of(wire: Wire) -> int:
    """Return the status of the next response, and close."""
    status = wire.read_response().status
    wire.close()
    return status


def test_104_connection_that_waits_in_a_killed_worker_is_served_by_another_one(
    serving: Play,
) -> None:
    """Stopped workers have been dealt connections that they never read."""
    victims = serving.workers
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    wires = [serving.connect().send(get("/", "Connection: close")) for _ in range(6)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)

    assert [status_of(wire) for wire in wires] == [200] * 6


def _is_replaced(serving: Play, victim: int) -> bool:
    return victim not in serving.workers and len(serving.workers) == 2


@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.timeout(900)
def test_105_kills_cost_the_primary_no_descriptor(serving: Play, kills: int) -> None:
    wait_until(lambda: len(serving.workers) == 2)
    serving.ask()
    before = len(open_fds(serving.pid))

    for n in range(kills):
        victim = serving.workers[0]
        wire = serving.connect().send(get("/", "Connection: close"))
        os.kill(victim, signal.SIGKILL)
        assert status_of(wire) == 200, n
        wait_until(partial(_is_replaced, serving, victim))

    serving.ask()
    wait_until(lambda: len(open_fds(serving.pid)) <= before)


def test_106_request_without_any_worker_waits_and_is_served(play: Stage) -> None:
    program = play.run(
        """
import os, time
from fastfork import cluster

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"%d 0 0" % cluster.worker.id]

if cluster.is_primary:
    cluster.on("listening", lambda w, a: print("listening", a.port, flush=True))
    cluster.fork().on("listening", lambda a: print("port", a.port, flush=True))
    gone = []
    cluster.on("exit", lambda w, code, signal: (gone.append(w), print("none", flush=True)))
    while not os.path.exists("go"):
        cluster.turn(0.01)
    cluster.fork()
    while not os.path.exists("stop"):
        cluster.turn(0.01)
    cluster.disconnect()
    while cluster.turn():
        pass
else:
    cluster.serve(app, "127.0.0.1:0")
"""
    )
    folder = os.readlink(f"/proc/{program.pid}/cwd")
    program.port()
    os.kill(program.workers[0], signal.SIGKILL)
    program.wait_for("none")

    wire = program.connect().send(get("/", "Connection: close"))
    with open(f"{folder}/go", "w"):
        pass

    assert wire.read_response().body == b"2 0 0"
    wire.close()
    with open(f"{folder}/stop", "w"):
        pass
    program.end()


def test_107_primary_rests_while_everybody_is_busy(play: Stage) -> None:
    program = play(
        LISTENING + "cluster.fork()\ncluster.on('message', lambda w, m: say('busy'))",
        """
        def slow(environ, start_response):
            if environ["PATH_INFO"] == "/slow":
                cluster.worker.send(1)
                time.sleep(1)
            return app(environ, start_response)
        cluster.serve(slow, "127.0.0.1:0")
        """,
    )
    slow = program.connect().send(get("/slow", "Connection: close"))
    program.wait_for("busy")
    before, began = cpu_of(program.pid), time.monotonic()

    waiting = [program.connect().send(get("/", "Connection: close")) for _ in range(50)]
    assert status_of(slow) == 200

    assert cpu_of(program.pid) - before < 0.3 * (time.monotonic() - began)
    assert [status_of(wire) for wire in waiting] == [200] * 50
    program.end(by=signal.SIGTERM)


def test_108_what_waits_is_bounded_in_the_primary(play: Stage) -> None:
    program = play(
        "cluster.setup_primary(max_connections=64)\n" + LISTENING + "cluster.fork()",
        'cluster.serve(app, "127.0.0.1:0")',
    )
    program.ask()
    (worker,) = program.workers
    before = len(open_fds(program.pid))
    os.kill(worker, signal.SIGSTOP)

    wires = [program.connect().send(get("/", "Connection: close")) for _ in range(200)]

    assert len(open_fds(program.pid)) <= before + 2 * 64
    os.kill(worker, signal.SIGCONT)
    assert [status_of(wire) for wire in wires] == [200] * 200
    program.end(by=signal.SIGTERM)


def test_109_share_of_a_blocked_worker_goes_to_others_and_it_is_replaced(play: Stage) -> None:
    program = play(
        """
        cluster.setup_primary(timeout=1)
        for _ in range(2):
            cluster.fork()
        cluster.on("exit", lambda w, code, signal: (say("exit", w.id, signal), cluster.fork()))
        """
        + LISTENING,
        """
        def spin(environ, start_response):
            while environ["PATH_INFO"] == "/spin":
                pass
            return app(environ, start_response)
        cluster.serve(spin, "127.0.0.1:0")
        """,
        before="",
    )
    wait_until(lambda: len([x for x in program.lines if x.startswith("listening")]) == 2)
    hung = program.connect().send(get("/spin", "Connection: close"))
    wait_until(lambda: len({program.ask()[0] for _ in range(6)}) == 1)

    served = [program.ask()[0] for _ in range(10)]

    assert len(set(served)) == 1
    assert status_of(hung) == 504
    (gone,) = {1, 2} - set(served)
    program.wait_for(f"exit {gone} SIGABRT")
    wait_until(lambda: {program.ask()[0] for _ in range(4)} == {*served, 3})
    program.end(by=signal.SIGTERM)


def test_110_connections_go_round_exactly(play: Stage) -> None:
    program = play(
        "for _ in range(4): cluster.fork()\n" + LISTENING, 'cluster.serve(app, "127.0.0.1:0")'
    )
    wait_until(lambda: len([x for x in program.lines if x.startswith("listening")]) == 4)

    def is_exact() -> bool:
        served = [program.ask()[0] for _ in range(200)]
        return Counter(served) == dict.fromkeys((1, 2, 3, 4), 50) and served[4:] == served[:-4]

    # On a busy machine a worker may be late for its turn, which then is another one's.
    wait_until(is_exact, within=30)
    program.end(by=signal.SIGTERM)


def test_112_messages_are_quick_while_connections_are_dealt(play: Stage) -> None:
    program = play(
        LISTENING
        + """
for _ in range(2):
    cluster.fork()
cluster.on("message", lambda w, message: w.send(message))
""",
        """
        trips = []
        back = threading.Event()
        cluster.worker.on("message", lambda message: back.set())
        def trip(environ, start_response):
            began = time.monotonic()
            back.clear()
            cluster.worker.send(1)
            back.wait(5)
            start_response("200 OK", [])
            return [b"%d 0 0" % int((time.monotonic() - began) * 1e6)]
        cluster.serve(trip, "127.0.0.1:0")
        """,
    )
    wait_until(lambda: len([x for x in program.lines if x.startswith("listening")]) == 2)

    with ThreadPoolExecutor(4) as pool:
        trips = sorted(pool.map(lambda _: program.ask()[0], range(400)))

    # In microseconds; a busy machine may take longer for a few.
    assert trips[len(trips) // 2] < 20_000
    program.end(by=signal.SIGTERM)


def test_117_worker_whose_primary_is_killed_answers_what_it_runs(play: Stage) -> None:
    program = play(
        LISTENING + "cluster.fork()\ncluster.on('message', lambda w, m: say('running'))",
        """
        def slow(environ, start_response):
            cluster.worker.send(1)
            time.sleep(0.5)
            return app(environ, start_response)
        cluster.serve(slow, "127.0.0.1:0")
        """,
    )
    wire = program.connect().send(get("/", "Connection: close"))
    program.wait_for("running")

    os.kill(program.pid, signal.SIGKILL)

    assert status_of(wire) == 200
    program.end(-9)


class Visits:
    """Requests without a pause, each on a new connection or all on one, until the end."""

    def __init__(self, program: Play) -> None:
        self.failed: list[object] = []
        self.count = 0
        self._program = program
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, args=(is_kept,)) for is_kept in (False, True)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Ask no more; fail if anything had failed."""
        self._is_over = True
        for thread in self._threads:
            thread.join()
        assert self.failed == []
        assert self.count > 20

    def _run(self, is_kept: bool) -> None:
        fields = [] if is_kept else ["Connection: close"]
        wire = self._program.connect()
        while not self._is_over:
            try:
                response = wire.send(get("/", *fields)).read_response()
            except (AssertionError, OSError) as error:
                self.failed.append(error)
                return
            self.count += 1
            if response.status != 200:
                self.failed.append(response)
            if not is_kept or response.all("Connection") == ["close"]:
                wire.close()
                wire = self._program.connect()
        wire.close()


def test_113_115_118_one_after_the_other_is_replaced_and_no_request_fails(play: Stage) -> None:
    """What a program of Node's does: fork a new one, and when it listens let an old one go."""
    program = play(
        """
        def roll(times):
            if times == 0:
                say("rolled")
                return
            old = min(cluster.workers.values(), key=lambda one: one.id)
            new = cluster.fork({"BOOT": "0.3"})
            new.once("listening", lambda address: (old.disconnect(), roll(times - 1)))
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.on("message", lambda w, message: roll(6))
        for _ in range(2):
            cluster.fork()
        """,
        """
        time.sleep(float(os.environ.get("BOOT", "0")))
        def site(environ, start_response):
            if environ["PATH_INFO"] == "/roll":
                cluster.worker.send("roll")
            return app(environ, start_response)
        cluster.serve(site, "127.0.0.1:0")
        """,
    )
    wait_until(lambda: len([x for x in program.lines if x.startswith("listening")]) == 2)

    visits = Visits(program)
    program.ask("/roll")
    program.wait_for("rolled")
    wait_until(lambda: {program.ask()[0] for _ in range(4)} == {7, 8})
    visits.end()

    program.end(by=signal.SIGTERM)


def test_114_new_code_that_is_broken_leaves_the_old_workers_alone(play: Stage) -> None:
    program = play(
        """
        def roll(worker, message):
            new = cluster.fork({"BROKEN": "yes"})
            new.on("listening", lambda address: worker.disconnect())
            new.on("exit", lambda code, signal: say("new one ended", code))
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.on("message", roll)
        cluster.fork()
        """,
        """
        if os.environ.get("BROKEN"):
            raise RuntimeError("broken code")
        def site(environ, start_response):
            if environ["PATH_INFO"] == "/roll":
                cluster.worker.send("roll")
            return app(environ, start_response)
        cluster.serve(site, "127.0.0.1:0")
        """,
    )

    assert program.ask("/roll")[0] == 1
    program.wait_for("new one ended 1")

    assert program.ask()[0] == 1
    assert any("RuntimeError: broken code" in line for line in program.lines)
    program.end(by=signal.SIGTERM)


def test_asgi_is_served_as_well(play: Stage) -> None:
    program = play(
        """
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.on("message", lambda w, message: w.send("back"))
        cluster.fork()
        """,
        """
        async def site(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                say("shutdown")
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"%d 0 0" % cluster.worker.id})
        cluster.worker.on("message", lambda message: say(message))
        cluster.worker.send("there")
        cluster.serve(site, "127.0.0.1:0")
        say("served")
        """,
    )

    assert program.ask()[0] == 1
    program.wait_for("back")
    lines = program.end(by=signal.SIGTERM)
    assert lines[-2:] == ["shutdown", "served"]


def test_any_protocol_is_served_as_well(play: Stage) -> None:
    program = play(
        """
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.fork()
        """,
        """
        async def echo(reader, writer):
            line = await reader.readline()
            writer.write(line.upper() + b"from worker %d" % cluster.worker.id)
            await writer.drain()
            writer.close()
        cluster.serve(echo, "127.0.0.1:0")
        say("served")
        """,
    )

    wire = program.connect().send(b"hello\n")

    assert wire.read_to_end() == b"HELLO\nfrom worker 1"
    wire.close()
    assert program.end(by=signal.SIGTERM)[-1] == "served"

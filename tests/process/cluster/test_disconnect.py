"""Leaving: one worker, all of them, by themselves or told to; numbers are those of README.md."""

from __future__ import annotations

import signal

from fix_play import Play, Stage
from fix_processes import wait_until
from fix_wire import get

SERVE = 'cluster.serve(app, "127.0.0.1:0")'
LISTENING = 'cluster.on("listening", lambda w, a: say("listening", a.port))\n'
EXIT = """
cluster.on("exit", lambda w, code, signal: say("exit", w.id, code, signal, w.exited_after_disconnect))
"""


def test_28_disconnect_lets_a_worker_finish_in_its_own_way(play: Stage) -> None:
    program = play(
        EXIT
        + """
worker = cluster.fork()
worker.on("listening", lambda a: say(worker.disconnect() is worker, worker.exited_after_disconnect))
worker.on("disconnect", lambda: say("disconnect", worker.state))
""",
        """
        cluster.worker.on("disconnect", lambda: sys.exit(42))
        cluster.serve(app, "127.0.0.1:0")
        """,
    )

    assert program.end() == ["True True", "disconnect disconnected", "exit 1 42 None True"]


def test_29_kill_after_disconnect_is_harmless(play: Stage) -> None:
    program = play(
        EXIT
        + """
worker = cluster.fork()
worker.on("listening", lambda a: (worker.disconnect(), worker.disconnect()))
worker.on("exit", lambda code, signal: (worker.kill(), worker.disconnect(), say("sent", worker.send(1))))
""",
        SERVE,
    )

    assert program.end() == ["sent False", "exit 1 0 None True"]


def test_30_31_worker_that_kills_itself_ends_well_whether_connected_or_not(play: Stage) -> None:
    program = play(
        EXIT + "cluster.fork()\ncluster.fork()",
        """
        if cluster.worker.id == 1:
            threading.Timer(0.05, cluster.worker.kill).start()
            cluster.serve(app, "127.0.0.1:0")
        else:
            cluster.worker.disconnect()
            cluster.worker.kill()
        say("not reached")
        """,
    )

    assert sorted(program.end()) == ["exit 1 0 None True", "exit 2 0 None True"]


def test_32_all_told_at_once_and_again_end_well(play: Stage) -> None:
    program = play(
        EXIT
        + """
count = 0
@cluster.on("listening")
def leave(worker, address):
    global count
    count += 1
    if count == 4:
        for _ in range(3):
            for one in list(cluster.workers.values()):
                one.disconnect()
            cluster.disconnect()
for _ in range(4):
    cluster.fork()
""",
        SERVE,
    )

    assert sorted(program.end()) == [f"exit {n} 0 None True" for n in (1, 2, 3, 4)]


def test_33_cycle_works_again_and_the_port_is_free_in_between(play: Stage) -> None:
    program = play(
        """
        import socket
        port = None
        def again():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=2)
            except ConnectionRefusedError:
                say("refused")
            if cluster.settings.args is None:
                cluster.setup_primary(args=[port])
                start()
        @cluster.on("listening")
        def leave(worker, address):
            global port
            port = address.port
            with socket.create_connection(("127.0.0.1", port)):
                say("connected")
            if sum(one.state == "listening" for one in cluster.workers.values()) == 4:
                cluster.disconnect(again)
        def start():
            for _ in range(4):
                cluster.fork()
        start()
        """,
        'cluster.serve(app, f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 0}")',
    )

    lines = program.end()

    assert lines.count("refused") == 2
    assert lines.count("connected") == 8


def test_34_36_disconnect_of_workers_in_any_state_is_called_back(play: Stage) -> None:
    program = play(
        """
        first, second = cluster.fork(), cluster.fork()
        @second.on("online")
        def leave():
            second.disconnect()
            cluster.disconnect(lambda: say("gone", cluster.workers))
        """,
        "cluster.run()",
    )

    assert program.end() == ["gone {}"]


def test_35_worker_that_leaves_first_asks_and_gets_nothing_more(play: Stage) -> None:
    program = play(
        EXIT + LISTENING + "cluster.fork()",
        """
        def bye(environ, start_response):
            cluster.worker.disconnect()
            return app(environ, start_response)
        cluster.serve(bye, "127.0.0.1:0")
        say("left", cluster.worker.state)
        """,
    )

    assert program.ask()[0] == 1
    assert program.end()[1:] == ["left disconnected", "exit 1 0 None True"]


def test_36_worker_that_is_told_to_go_before_it_serves_does_not_begin(play: Stage) -> None:
    program = play(
        EXIT
        + """
for _ in range(4):
    cluster.fork()
cluster.on("online", lambda w: w.disconnect(timeout=None))
""",
        "time.sleep(0.1 if cluster.worker.id > 2 else 0)\n" + SERVE,
    )

    assert sorted(program.end()) == [f"exit {n} 0 None True" for n in (1, 2, 3, 4)]


def test_38_one_leaves_while_another_starts(play: Stage) -> None:
    program = play(
        EXIT
        + """
first = cluster.fork()
@first.on("listening")
def swap(address):
    second = cluster.fork()
    first.disconnect()
    second.on("listening", lambda address: second.disconnect())
""",
        SERVE,
    )

    assert sorted(program.end()) == ["exit 1 0 None True", "exit 2 0 None True"]


def test_41_disconnect_of_nobody_is_called_back_later(play: Stage) -> None:
    program = play('cluster.disconnect(lambda: say("called"))\nsay("first")')

    assert program.end() == ["first", "called"]


def test_42_52_worker_may_leave_when_it_can_not_listen(play: Stage) -> None:
    program = play(
        EXIT
        + """
import socket
taken = socket.create_server(("127.0.0.1", 0))
cluster.fork({"PORT": str(taken.getsockname()[1])})
""",
        """
        try:
            cluster.serve(app, "127.0.0.1:" + os.environ["PORT"])
        except Exception as error:
            say(type(error).__name__, "the port is in use" in str(error))
            cluster.worker.disconnect()
        """,
    )

    assert program.end() == ["BindError True", "exit 1 0 None True"]


def test_43_own_cleanup_runs_when_told_and_not_when_the_primary_is_gone(play: Stage) -> None:
    program = play(
        'cluster.fork()\ncluster.on("online", lambda w: say("up", w.process.pid))',
        """
        cluster.worker.on("disconnect", lambda: say("bye"))
        time.sleep(60)
        """,
    )
    wait_until(lambda: any(line.startswith("up") for line in program.lines))

    assert len(program.end(-9, by=signal.SIGKILL)) == 1


def test_44_worker_that_stays_after_serving_is_ended_when_its_time_is_over(play: Stage) -> None:
    program = play(
        EXIT
        + """
cluster.fork()
cluster.on("listening", lambda w, a: w.disconnect(timeout=0.2))
cluster.on("disconnect", lambda w: say("disconnect"))
""",
        SERVE + "\ntime.sleep(60)",
    )

    assert program.end() == ["disconnect", "exit 1 None SIGTERM True"]


def test_worker_that_ignores_sigterm_is_killed(play: Stage) -> None:
    program = play(
        EXIT + 'cluster.fork()\ncluster.on("message", lambda w, m: w.disconnect(timeout=0))',
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ncluster.worker.send(1)\ntime.sleep(60)",
    )

    assert program.end() == ["exit 1 None SIGKILL True"]


def test_45_disconnect_comes_when_the_last_request_is_answered(play: Stage) -> None:
    program = play(
        LISTENING
        + EXIT
        + """
cluster.fork()
cluster.on("message", lambda w, message: w.disconnect())
cluster.on("disconnect", lambda w: say("disconnect"))
""",
        """
        def slow(environ, start_response):
            cluster.worker.send("running")
            time.sleep(0.3)
            say("answered")
            return app(environ, start_response)
        cluster.serve(slow, "127.0.0.1:0")
        """,
    )

    assert program.ask()[0] == 1
    assert program.end()[1:] == ["answered", "disconnect", "exit 1 0 None True"]


def test_111_callback_comes_after_the_last_worker_is_reaped(play: Stage) -> None:
    program = play(
        """
        for _ in range(3):
            cluster.fork()
        @cluster.on("message")
        def leave(worker, message):
            if worker.id == 3:
                cluster.disconnect(lambda: say("callback", len(cluster.workers)))
                say("told", len(cluster.workers))
        cluster.on("exit", lambda w, code, signal: say("exit", len(cluster.workers)))
        """,
        """
        cluster.worker.send(1)
        cluster.run()
        time.sleep(cluster.worker.id / 10)
        """,
    )

    assert program.end() == ["told 3", "exit 2", "exit 1", "exit 0", "callback 0"]


def test_116_sigterm_drains_and_nobody_is_forked_then(serving: Play) -> None:
    wire = serving.connect()
    wire.send(get("/")).read_response()

    lines = serving.end(by=signal.SIGTERM)

    assert sorted(lines[2:]) == ["exit 1 0 None", "exit 2 0 None"]
    wire.close()


def test_116_second_signal_ends_at_once(play: Stage) -> None:
    program = play(
        EXIT
        + """
for _ in range(2):
    cluster.fork()
cluster.on("message", lambda w, message: say("up"))
cluster.on("disconnect", lambda w: say("left"))
""",
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        cluster.worker.send(1)
        if cluster.worker.id == 1:
            cluster.run()
        time.sleep(60)
        """,
    )
    program.wait_for("up")

    program.process.send_signal(signal.SIGINT)
    program.wait_for("left")
    wait_until(lambda: program.lines.count("up") == 2)
    program.process.send_signal(signal.SIGINT)

    exits = [line for line in program.end() if line.startswith("exit")]
    assert sorted(exits) == [f"exit {n} None SIGKILL True" for n in (1, 2)]

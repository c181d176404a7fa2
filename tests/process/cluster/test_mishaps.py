"""What goes wrong in programs that fork workers."""

from __future__ import annotations

import signal
import time
from itertools import pairwise

from fix_play import Stage
from fix_processes import cpu_of, wait_until
from fix_wire import get

LISTENING = 'cluster.on("listening", lambda w, a: say("listening", a.port))\n'


def test_120_crash_loop_slows_down_and_ends_when_it_is_mended(play: Stage) -> None:
    program = play(
        LISTENING
        + """
cluster.on("exit", lambda w, code, signal: say("exit", time.monotonic()))
cluster.keep(1)
""",
        """
        if not os.path.exists("mended"):
            sys.exit(1)
        cluster.serve(app, "127.0.0.1:0")
        """,
    )
    wait_until(lambda: len([x for x in program.lines if x.startswith("exit")]) == 5)
    before, began = cpu_of(program.pid), time.monotonic()
    times = [float(line.split()[1]) for line in program.lines if line.startswith("exit")]

    with open(f"/proc/{program.pid}/cwd/mended", "w"):
        pass

    # One at once, then after 0.1, 0.2 and 0.4 s, give or take a fifth.
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert [pause > least for pause, least in zip(pauses, (0, 0.08, 0.16, 0.32), strict=True)] == [
        True
    ] * 4
    assert program.ask()[0] == 6
    assert cpu_of(program.pid) - before < 0.2 * (time.monotonic() - began) + 0.05
    lines = program.end(by=signal.SIGTERM)
    assert len([line for line in lines if line.startswith("exit")]) == 6


def test_kept_worker_that_was_told_to_go_is_not_replaced(play: Stage) -> None:
    program = play(
        """
        cluster.keep(2)
        cluster.on("fork", lambda w: say("fork", w.id))
        cluster.on("online", lambda w: w.disconnect())
        """,
        "cluster.run()",
    )

    assert program.end() == ["fork 1", "fork 2"]


def test_worker_that_sigabrt_does_not_end_is_killed(play: Stage) -> None:
    program = play(
        LISTENING
        + """
cluster.setup_primary(timeout=1)
cluster.on("exit", lambda w, code, signal: say("exit", signal))
cluster.fork()
""",
        """
        def hang(environ, start_response):
            signal.signal(signal.SIGABRT, signal.SIG_IGN)
            while True:
                pass
        cluster.serve(hang, "127.0.0.1:0")
        """,
    )

    wire = program.connect().send(get("/slow", "Connection: close"))

    assert wire.read_response().status == 504
    wire.close()
    text = "\n".join(program.end())
    assert "exit SIGKILL" in text
    assert "worker 1 timed out in GET /slow HTTP/1.1 after 1.0 s: answered 504" in text


def test_handler_of_messages_may_end_its_worker(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        worker.send("end")
        cluster.on("exit", lambda w, code, signal: say("exit", code, signal))
        """,
        """
        cluster.worker.on("message", lambda message: sys.exit(5))
        cluster.run()
        """,
    )

    assert program.end() == ["exit 5 None"]


def test_primary_that_ends_in_the_middle_lets_its_workers_finish(play: Stage) -> None:
    program = play(
        LISTENING
        + """
cluster.fork()
cluster.fork()
@cluster.on("message")
def fail(worker, message):
    sys.exit(7)
""",
        """
        def slow(environ, start_response):
            cluster.worker.send("running")
            time.sleep(0.3)
            return app(environ, start_response)
        cluster.serve(slow, "127.0.0.1:0")
        """,
    )

    assert program.ask()
    program.end(7)


def test_program_with_threads_may_not_fork(play: Stage) -> None:
    program = play(
        """
        done = threading.Event()
        threading.Thread(target=done.wait).start()
        try:
            cluster.fork()
        except Exception as error:
            say(type(error).__name__, str(error).partition(",")[0])
        done.set()
        """
    )

    assert program.end() == ["StartError this process has 2 threads"]


def test_error_that_nobody_catches_in_a_worker_is_told(play: Stage) -> None:
    program = play(
        'cluster.fork()\ncluster.on("exit", lambda w, code, signal: say("exit", code))',
        'cluster.serve(app, "192.0.2.1:80")',
    )

    lines = program.end()

    assert "worker 1 ends: can't listen on 192.0.2.1:80" in lines[0]
    assert lines[1] == "exit 1"

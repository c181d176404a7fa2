"""Events and identity of workers; numbers are those of README.md."""

from __future__ import annotations

import os
import signal

from fix_play import Play, Stage
from fix_processes import wait_until

FORK = "worker = cluster.fork()\n"
TELL_EXIT = """
cluster.on("exit", lambda w, code, signal: say("exit", w is worker, code, signal, w.state))
"""


def is_alive(pid: int) -> bool:
    """Whether the process is there."""
    return os.path.exists(f"/proc/{pid}")


def test_1_events_come_on_cluster_and_worker_in_order(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        say("forked", worker.id, worker.state)
        for event in ("fork", "online", "listening", "disconnect", "exit"):
            cluster.on(event, lambda w, *rest, event=event: say("cluster", event, w is worker, w.state))
        for event in ("online", "listening", "disconnect", "exit"):
            worker.on(event, lambda *rest, event=event: say("worker", event, worker.state))
        worker.on("listening", lambda address: say(address.address, address.port > 0, address.address_type))
        cluster.on("listening", lambda w, address: cluster.disconnect())
        """,
        """
        say([name for name in os.environ if "ID" in name and "FASTFORK" in name])
        cluster.serve(app, "127.0.0.1:0")
        """,
    )

    lines = program.end()

    assert lines[0] == "forked 1 none"
    told = [line for line in lines if line.startswith(("cluster", "worker", "127"))]
    assert told == [
        "cluster fork True none",
        "worker online online",
        "cluster online True online",
        "worker listening listening",
        "127.0.0.1 True 4",
        "cluster listening True listening",
        "worker disconnect disconnected",
        "cluster disconnect True disconnected",
        "worker exit dead",
        "cluster exit True dead",
    ]
    assert "[]" in lines


def test_2_worker_is_as_documented_before_it_is_anything(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        say(worker.id, worker.slot, worker.state, worker.exited_after_disconnect, worker.is_dead())
        say(list(cluster.workers) == [1], cluster.worker, cluster.is_worker)
        """
    )

    assert program.end() == ["1 0 none None False", "True None False"]


def test_3_what_is_sent_before_or_when_it_is_online_arrives(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        worker.send("early")
        worker.on("online", lambda: worker.send("online"))
        """,
        """
        heard = []
        @cluster.worker.on("message")
        def hear(message):
            heard.append(message)
            if len(heard) == 2:
                say(heard)
                cluster.worker.disconnect()
        cluster.run()
        """,
    )

    assert program.end() == ["['early', 'online']"]


def test_4_message_comes_once_to_cluster_and_once_to_the_worker(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        worker.on("message", lambda message: say("worker", message))
        cluster.on("message", lambda w, message: say("cluster", w.id, message))
        """,
        "cluster.worker.send({'a': [1, None]})",
    )

    assert program.end() == ["worker {'a': [1, None]}", "cluster 1 {'a': [1, None]}"]


def test_5_6_exit_code_arrives_with_the_same_worker_and_the_process_is_gone(play: Stage) -> None:
    program = play(
        FORK
        + TELL_EXIT
        + """
for event in ("disconnect", "exit"):
    worker.on(event, lambda *rest, event=event: say(event, worker.exited_after_disconnect))
cluster.on("exit", lambda w, *rest: say(os.path.exists(f"/proc/{w.process.pid}"), w.process.exit_code))
""",
        "sys.exit(42)",
    )

    lines = program.end()

    assert lines == ["disconnect None", "exit False", "exit True 42 None dead", "False 42"]


def test_7_8_signal_arrives_by_its_name_and_the_table_is_empty(play: Stage) -> None:
    program = play(
        FORK
        + TELL_EXIT
        + """
worker.on("online", lambda: worker.kill("SIGKILL"))
worker.on("disconnect", lambda: say("disconnect"))
worker.on("exit", lambda *rest: say(worker.exited_after_disconnect, cluster.workers))
""",
        "time.sleep(60)",
    )

    assert program.end() == ["disconnect", "False {}", "exit True None SIGKILL dead"]


def test_9_10_dead_and_connected_are_told_right_everywhere(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        say("forked", worker.is_dead(), worker.is_connected())
        worker.on("disconnect", lambda: say("disconnect", worker.is_dead(), worker.is_connected()))
        worker.on("exit", lambda *rest: say("exit", worker.is_dead(), worker.is_connected()))
        worker.on("online", worker.disconnect)
        """,
        """
        here = cluster.worker
        say("inside", here.is_dead(), here.is_connected())
        here.on("disconnect", lambda: say("inside", here.is_dead(), here.is_connected()))
        cluster.run()
        """,
    )

    lines = program.end()

    assert [line for line in lines if not line.startswith("inside")] == [
        "forked False True",
        "disconnect False False",
        "exit True False",
    ]
    assert [line for line in lines if line.startswith("inside")] == [
        "inside False True",
        "inside False False",
    ]


def test_11_worker_that_spins_ends_by_plain_sigterm(play: Stage) -> None:
    program = play(
        FORK + TELL_EXIT + 'worker.on("message", lambda message: worker.kill())',
        'cluster.worker.send("spinning")\nwhile True: pass',
    )

    assert program.end() == ["exit True None SIGTERM dead"]


def test_12_what_a_handler_raises_goes_to_the_hook_and_the_rest_goes_on(play: Stage) -> None:
    program = play(
        """
        sys.excepthook = lambda kind, error, trace: say("hook", error)
        @cluster.on("online")
        def fail(worker):
            raise LookupError("mine")
        cluster.on("online", lambda worker: say("next"))
        cluster.on("exit", lambda w, code, signal: sys.exit(42))
        cluster.fork()
        """
    )

    assert program.end(42) == ["hook mine", "next"]


def test_13_14_workers_end_with_a_primary_that_fails_or_is_killed(play: Stage) -> None:
    failing = play('cluster.fork()\ncluster.on("online", lambda w: sys.exit(1))', "cluster.run()")
    killed = play('cluster.fork()\ncluster.on("online", lambda w: say("up"))', "time.sleep(60)")
    killed.wait_for("up")

    assert failing.end(1) == []
    killed.end(-9, by=signal.SIGKILL)


def test_15_worker_that_leaves_by_itself_exits_well(play: Stage) -> None:
    program = play(
        FORK + TELL_EXIT,
        """
        threading.Timer(0.1, cluster.worker.disconnect).start()
        cluster.serve(app, "127.0.0.1:0")
        say("served", cluster.worker.exited_after_disconnect)
        """,
    )

    assert program.end() == ["served True", "exit True 0 None dead"]


def test_119_slots_are_dense_and_given_again_and_ids_never(serving: Play) -> None:
    wait_until(lambda: {tuple(serving.ask()[:2]) for _ in range(4)} == {(1, 0), (2, 1)})

    victim = wait_until(lambda: next((p for _, slot, p in [serving.ask()] if slot == 0), 0))
    os.kill(victim, signal.SIGKILL)

    serving.wait_for("exit 1 None SIGKILL")
    wait_until(lambda: {tuple(serving.ask()[:2]) for _ in range(4)} == {(2, 1), (3, 0)})

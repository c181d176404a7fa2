"""Messages in both directions; numbers are those of README.md."""

from __future__ import annotations

from fix_play import Stage


def test_85_messages_go_both_ways_beside_connections(play: Stage) -> None:
    program = play(
        """
        cluster.fork()
        cluster.on("listening", lambda w, a: say("listening", a.port))
        cluster.on("message", lambda w, message: w.send(message + ["primary"]))
        """,
        """
        cluster.worker.on("message", lambda message: (say(message), cluster.worker.disconnect()))
        def tell(environ, start_response):
            cluster.worker.send([environ["PATH_INFO"]])
            return app(environ, start_response)
        cluster.serve(tell, "127.0.0.1:0")
        """,
    )

    program.ask("/hello")

    assert program.end()[1:] == ["['/hello', 'primary']"]


def test_87_95_message_that_looks_like_ours_is_a_message(play: Stage) -> None:
    program = play(
        'cluster.fork()\ncluster.on("message", lambda w, message: say(w.state, message))',
        """
        cluster.worker.send({"cmd": "NODE_CLUSTER", "ack": -1})
        cluster.worker.send("online")
        cluster.worker.send("left")
        """,
    )

    assert program.end() == [
        "online {'cmd': 'NODE_CLUSTER', 'ack': -1}",
        "online online",
        "online left",
    ]


def test_89_send_after_the_end_returns_false_and_raises_nothing(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        worker.on("error", lambda error: say(type(error).__name__))
        worker.on("exit", lambda code, signal: say(worker.send("late")))
        """
    )

    assert program.end() == ["BrokenPipeError", "False"]


def test_88_90_send_never_waits_and_keeps_no_more_than_the_queue(play: Stage) -> None:
    program = play(
        """
        def resident():
            with open("/proc/self/statm") as statm:
                return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        cluster.setup_primary(bus_queue=262_144)
        worker = cluster.fork()
        def flood():
            before = resident()
            sent = [worker.send("x" * 10_000) for _ in range(5000)]
            say(all(sent), resident() - before < 10_000_000)
            worker.kill()
        worker.on("online", flood)
        """,
        "cluster.worker.on('message', lambda message: time.sleep(60))\ntime.sleep(60)",
    )

    assert program.end() == ["True True"]


def test_91_all_messages_come_whatever_their_handlers_raise(play: Stage) -> None:
    program = play(
        """
        sys.excepthook = lambda kind, error, trace: say(error)
        worker = cluster.fork()
        @worker.on("message")
        def fail(message):
            raise LookupError(message)
        """,
        "for n in range(10):\n    cluster.worker.send(n)",
    )

    assert program.end() == [str(n) for n in range(10)]


def test_93_long_texts_arrive_whole(play: Stage) -> None:
    program = play(
        """
        worker = cluster.fork()
        worker.send("\\u00e9\\u20ac" * 200_000)
        worker.on("message", lambda message: say(message == "\\u00e9\\u20ac" * 200_000))
        """,
        """
        @cluster.worker.on("message")
        def back(message):
            cluster.worker.send(message)
            cluster.worker.disconnect()
        cluster.run()
        """,
    )

    assert program.end() == ["True"]


def test_94_last_words_of_a_worker_arrive_before_its_end(play: Stage) -> None:
    program = play(
        """
        count = 0
        worker = cluster.fork()
        @worker.on("message")
        def add(message):
            global count
            count += 1
        worker.on("exit", lambda code, signal: say(count, signal))
        """,
        "for n in range(1000):\n    cluster.worker.send(n)\nos.kill(os.getpid(), signal.SIGKILL)",
    )

    (line,) = program.end()

    # What it had not written yet when it was killed is nowhere.
    assert line.endswith(" SIGKILL")


def test_94_last_words_of_a_worker_that_ends_well_arrive_all(play: Stage) -> None:
    program = play(
        """
        count = 0
        worker = cluster.fork()
        @worker.on("message")
        def add(message):
            global count
            count += 1
        worker.on("exit", lambda code, signal: say(count, code))
        """,
        "for n in range(1000):\n    cluster.worker.send(n)",
    )

    assert program.end() == ["1000 0"]


def test_bus_and_counters_are_those_of_every_server(play: Stage) -> None:
    program = play(
        """
        for _ in range(3):
            cluster.fork()
        cluster.on("message", lambda w, m: cluster.disconnect() if total.value == 6 else None)
        """,
        """
        @bus.subscribe("note")
        def note(topic, message, sender):
            total.add()
            cluster.worker.send("heard")
        cluster.worker.on("message", print)
        if cluster.worker.id == 3:
            threading.Timer(0.2, lambda: [bus.publish("note", n) for n in range(2)]).start()
        cluster.run()
        """,
        before="from fastfork import Counter, bus\ntotal = Counter('total')",
    )

    assert program.end() == []

"""A worker with an event loop at the bus: handlers run on it, and only coroutines wait for answers."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastfork import BusFailed, BusFull, BusTimeout, BusUnavailable, bus
from fastfork._native.bus import Link, packed
from fastfork._native.dispatcher import Dispatcher
from fastfork.bus.endpoint import PUBLISH, REQUEST, RESPOND, ask
from fastfork.bus.handlers import Handlers
from fastfork.bus.worker import Worker
from fix_processes import WITHIN, wait_until

Errors = list[tuple[str, BaseException]]


class Hub:
    """A master with a bus and nothing else, in a thread; workers are in this process."""

    def __init__(self) -> None:
        self.errors: Errors = []
        self._ends: list[tuple[int, ...]] = []
        self.dropped = 0
        self._is_over = False
        self.may_run = threading.Event()
        self.may_run.set()
        is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(is_ready,))
        self._thread.start()
        assert is_ready.wait(WITHIN)

    def worker(self, *, limit: int = 4 << 20, is_patient: bool = False) -> Worker:
        """Return a worker that nobody has opened."""
        overflow = "block" if is_patient else "drop-oldest"
        return Worker(
            Link(self._ends.pop(), limit=limit, overflow=overflow),
            Handlers(),
            is_patient=is_patient,
            on_error=lambda what, error: self.errors.append((what, error)),
        )

    def close(self) -> None:
        """End the master."""
        self._is_over = True
        self._thread.join()
        for ends in self._ends:
            for fd in ends:
                os.close(fd)
        self._ends.clear()

    def _run(self, is_ready: threading.Event) -> None:
        dispatcher = Dispatcher(max_connections=16, keep_alive=1.0, silence=1.0)
        self._ends += [dispatcher.join(dispatcher.lease(slot=n), slot=n) for n in range(2)]
        is_ready.set()
        while not self._is_over:
            self.may_run.wait(WITHIN)
            dispatcher.wait(0.01)
            self.dropped = dispatcher.stats()["bus_dropped"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Give a hub."""
    one = Hub()
    yield one
    one.close()
    wait_until(lambda: not any(t.name == "fastfork-bus" for t in threading.enumerate()))
    one.errors.clear()
    gc.collect()  # workers, and what their handlers know


def publish(worker: Worker, topic: str, message: Any) -> None:
    """Say something."""
    flags, octets = packed(message)
    assert worker.link.say(PUBLISH, flags, topic, octets, now=True)


async def happens(fact: Callable[[], Any]) -> Any:
    """Return the first true value of *fact*."""
    async with asyncio.timeout(WITHIN):
        while not (value := fact()):  # noqa: ASYNC110 - any fact
            await asyncio.sleep(0.002)
    return value


def on_loop(worker: Worker, main: Callable[[], Any]) -> None:
    """Run the coroutine function *main* as an ASGI worker would: between `run_on` and `stop`."""

    async def run() -> None:
        worker.run_on(asyncio.get_running_loop())
        worker.open([])
        try:
            await main()
        finally:
            await worker.stop(within=WITHIN)
            worker.close(within=WITHIN)

    asyncio.run(run())


def test_handlers_run_in_the_thread_of_the_loop_and_see_messages_in_order(hub: Hub) -> None:
    worker = hub.worker()
    heard: dict[str, list[Any]] = {"plain": [], "async": []}
    threads = set()

    def plain(topic: str, message: Any, sender: int | str) -> None:
        heard["plain"].append(message)
        threads.add(threading.get_ident())

    async def slow(topic: str, message: Any, sender: int | str) -> None:
        for _ in range(message % 3):
            await asyncio.sleep(0)
        heard["async"].append(message)
        threads.add(threading.get_ident())

    worker.handlers.subscribe("t", plain)
    worker.handlers.subscribe("*", slow)

    async def main() -> None:
        for n in range(500):
            publish(worker, "t", n)
        await happens(lambda: len(heard["async"]) == 500)

    on_loop(worker, main)

    assert heard == {"plain": list(range(500)), "async": list(range(500))}
    assert threads == {threading.get_ident()}


def test_loop_goes_on_between_many_messages(hub: Hub) -> None:
    worker = hub.worker()
    heard: list[int] = []
    turns: list[int] = []
    worker.handlers.subscribe("t", lambda topic, message, sender: heard.append(message))

    async def main() -> None:
        for n in range(2000):
            publish(worker, "t", n)
        while len(heard) < 2000:
            before = len(heard)
            await asyncio.sleep(0)
            turns.append(len(heard) - before)

    on_loop(worker, main)

    assert max(turns) <= 128


def test_responders_run_beside_each_other_and_are_asked_on_the_same_loop(hub: Hub) -> None:
    worker = hub.worker()

    async def main() -> None:
        both = asyncio.Barrier(2)

        async def meet(message: Any) -> Any:
            await both.wait()
            return message

        worker.handlers.responders["meet"] = meet
        worker.handlers.responders["plain"] = lambda message: message * 2
        worker.listen()
        worker.announce()

        asked = [worker.answers.ask("meet", n, WITHIN) for n in range(2)]
        assert await asyncio.gather(*asked) == [0, 1]
        assert await worker.answers.ask("plain", b"x" * 100_000, WITHIN) == b"x" * 200_000

    on_loop(worker, main)


def test_what_an_async_handler_raises_is_logged_and_a_responder_says_it(hub: Hub) -> None:
    worker = hub.worker()
    heard: list[Any] = []

    async def fails(topic: str, message: Any, sender: int | str) -> None:
        heard.append(message)
        raise ValueError(message)

    async def refuses(message: Any) -> None:
        raise LookupError(f"no {message}")

    worker.handlers.subscribe("t", fails)
    worker.handlers.responders["r"] = refuses

    async def main() -> None:
        publish(worker, "t", "one")
        publish(worker, "t", "two")
        await happens(lambda: len(heard) == 2)
        with pytest.raises(BusFailed, match="'r' raised LookupError: no luck"):
            await worker.answers.ask("r", "luck", WITHIN)

    on_loop(worker, main)

    assert heard == ["one", "two"]
    assert [what for what, _ in hub.errors] == ["bus: 't'", "bus: 't'", "bus: the responder 'r'"]


def test_worker_hears_no_more_while_its_async_handlers_are_behind(hub: Hub) -> None:
    worker = hub.worker()
    begun: list[int] = []
    done: list[int] = []

    async def main() -> None:
        door = asyncio.Event()

        def begin(topic: str, message: Any, sender: int | str) -> Any:
            begun.append(message)
            return end(message)

        async def end(message: int) -> None:
            await door.wait()
            done.append(message)

        worker.handlers.subscribe("t", begin)
        worker.listen()
        worker.announce()
        for n in range(8000):
            publish(worker, "t", n)
        await happens(lambda: len(begun) >= 1000)
        await asyncio.sleep(0.02)  # nothing shows that nothing comes
        assert len(begun) < 4000
        door.set()
        await happens(lambda: len(done) == 8000)

    on_loop(worker, main)

    assert done == list(range(8000))


def test_answers_come_to_every_loop_whoever_reads_them(hub: Hub) -> None:
    asking, answering = hub.worker(), hub.worker()

    async def echo(message: Any) -> Any:
        return message

    answers: list[Any] = []

    async def many(loop: int) -> list[Any]:
        return await asyncio.gather(
            *(asking.answers.ask("echo", [loop, n], WITHIN) for n in range(50))
        )

    answering.handlers.responders["echo"] = echo
    answering.open([])
    wait_until(lambda: _is_answered(asking, "echo"))
    threads = [
        threading.Thread(target=lambda n=n: answers.append(asyncio.run(many(n)))) for n in range(3)
    ]
    threads += [
        threading.Thread(target=lambda n=n: answers.append(_ask_often(asking, n)))
        for n in range(3, 6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN)

    assert sorted(answers) == [[[n, i] for i in range(50)] for n in range(6)]


def _is_answered(worker: Worker, name: str) -> bool:
    try:
        ask(worker.link, name, None, WITHIN)
    except BusUnavailable:
        return False
    return True


def _ask_often(worker: Worker, n: int) -> list[Any]:
    return [ask(worker.link, "echo", [n, i], WITHIN) for i in range(50)]


def test_who_gives_up_gets_no_answer_and_leaves_nothing_behind(hub: Hub) -> None:
    worker = hub.worker()

    async def main() -> None:
        door = asyncio.Event()

        async def late(message: Any) -> None:
            await door.wait()

        worker.handlers.responders["late"] = late
        worker.listen()
        worker.announce()
        with pytest.raises(BusTimeout, match=r"'late' gave no answer within 0\.01 s"):
            await worker.answers.ask("late", 1, 0.01)
        with pytest.raises(BusUnavailable, match="no worker responds to 'nobody'"):
            await worker.answers.ask("nobody", 1, WITHIN)
        task = asyncio.create_task(worker.answers.ask("late", 1, None))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not worker.answers._waiting
        door.set()

    on_loop(worker, main)

    assert not worker.answers._readers


def test_request_fails_at_once_when_too_much_waits_for_who_answers(hub: Hub) -> None:
    asking, deaf = hub.worker(), hub.worker()
    deaf.link.say(RESPOND, 0, "deaf", b"", now=True)
    wait_until(lambda: asking.link.say(REQUEST, 0, "deaf", b"", id=1, now=True))

    async def main() -> None:
        asked = [
            asyncio.create_task(asking.answers.ask("deaf", bytes(60_000), 60)) for _ in range(99)
        ]
        ended, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert len(waiting) > 50
        for one in ended:
            with pytest.raises(BusFull, match="too many messages wait already"):
                one.result()
        for one in waiting:
            one.cancel()

    on_loop(asking, main)


def test_message_that_is_too_long_is_refused(hub: Hub) -> None:
    worker = hub.worker()

    with pytest.raises(ValueError, match="at most 67108864 octets"):
        worker.link.say(PUBLISH, 1, "t", bytes((64 << 20) + 1))
    with pytest.raises(ValueError, match="at most 255 octets"):
        worker.link.say(PUBLISH, 1, "t" * 256, b"")


def test_nothing_waits_for_room_on_the_loop(hub: Hub) -> None:
    worker = hub.worker(limit=1000, is_patient=True)

    async def main() -> None:
        hub.may_run.clear()
        bus.enter(worker)
        try:
            for _ in range(500):
                bus.publish("t", bytes(1000))
        finally:
            bus.enter(None)
            hub.may_run.set()

    on_loop(worker, main)
    wait_until(lambda: hub.dropped > 0)


def test_end_of_the_master_ends_what_is_awaited(hub: Hub) -> None:
    asking, answering = hub.worker(), hub.worker()
    door = threading.Event()
    answering.handlers.responders["never"] = lambda message: message and door.wait(WITHIN)
    answering.open([])
    wait_until(lambda: _is_answered(asking, "never"))

    async def main() -> None:
        asked = asyncio.create_task(asking.answers.ask("never", 1, None))
        await asyncio.to_thread(hub.close)
        with pytest.raises(BusUnavailable, match="the master is gone"):
            await asked
        with pytest.raises(BusUnavailable, match="the master is gone"):
            await asking.answers.ask("never", 1, None)

    on_loop(asking, main)
    door.set()


def test_async_duty_runs_on_the_loop_until_it_is_told_to_stop(hub: Hub) -> None:
    first, second = hub.worker(), hub.worker()
    told: list[str] = []

    async def lead(stop: asyncio.Event) -> None:
        told.append("leads")
        await stop.wait()
        await asyncio.sleep(0.01)
        told.append("has stopped")

    async def lead_next(stop: asyncio.Event) -> None:
        told.append("leads next")
        await stop.wait()

    async def main() -> None:
        first.lead(lead)
        await happens(lambda: told)
        second.open([lead_next])  # without a loop: in a thread

    on_loop(first, main)

    wait_until(lambda: told[-1] == "leads next")
    assert told == ["leads", "has stopped", "leads next"]
    second.close(within=WITHIN)


def test_async_functions_run_in_a_worker_without_a_loop_too(hub: Hub) -> None:
    worker = hub.worker()
    heard: list[Any] = []

    async def note(topic: str, message: Any, sender: int | str) -> None:
        await asyncio.sleep(0)
        heard.append(message)

    async def echo(message: Any) -> Any:
        await asyncio.sleep(0)
        return message

    worker.handlers.subscribe("t", note)
    worker.handlers.responders["echo"] = echo
    worker.open([])
    wait_until(lambda: _is_answered(worker, "echo"))

    publish(worker, "t", 1)
    publish(worker, "t", 2)

    wait_until(lambda: heard == [1, 2])
    assert ask(worker.link, "echo", "x", WITHIN) == "x"

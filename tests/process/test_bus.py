"""Workers that talk to each other, while they come and go."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fix_cluster import Cluster, Gate, Start
from fix_processes import wait_until
from fix_wire import get

STUBBORN = """
import os, threading, time, fastfork

@fastfork.leader
def lead(stop):
    with open("leader", "w") as file:
        file.write(str(os.getpid()))
    while True:
        time.sleep(60)

def app(environ, start_response):
    start_response("200 OK", [])
    return [open("leader", "rb").read() if os.path.exists("leader") else b""]
"""


MASTERS = """
import os, fastfork
from fastfork import bus

def tell(line):  # in one write: others write there, too
    os.write(2, f"{line}\\n".encode())

@bus.subscribe("note.*", master=True)
def note(topic, message, sender):
    tell(f"the master hears {topic} {message} from {sender}")
    if sender != "master":
        bus.send(sender, message + 1, topic="back")

@bus.responder("double", master=True)
def double(message):
    return message * 2

@bus.responder("later", master=True)
async def later(message): ...

@bus.subscribe("back")
def back(topic, message, sender):
    tell(f"a worker hears {message} from {sender}")

def app(environ, start_response):
    bus.publish("note.all", 1)
    bus.send("master", 2, topic="note.you")
    try:
        bus.request("later")
    except fastfork.BusFailed as error:
        said = f"{bus.request('double', 21)} {error}"
    start_response("200 OK", [])
    return [said.encode()]

fastfork.run(app, workers=1, bind="127.0.0.1:0")
"""


def say(server: Cluster, path: str) -> Any:
    """Return what the application answers."""
    return json.loads(server.ask(path))


def states(server: Cluster, workers: int) -> dict[int, Any]:
    """Return what each worker has heard, by slot."""
    found: dict[int, Any] = {}
    while len(found) < workers:
        state = say(server, "/state")
        found[state["slot"]] = state
    return found


def notes(server: Cluster, workers: int) -> dict[int, list[Any]]:
    """Return the messages that each worker has heard."""
    return {
        slot: [what[1] for what in state["heard"] if what != "leads"]
        for slot, state in states(server, workers).items()
    }


def notes_of_one(server: Cluster) -> list[Any]:
    """Return the messages that the worker has heard that answers now."""
    return [what for what in say(server, "/state")["heard"] if what != "leads"]


def test_publication_reaches_every_worker_in_order(start: Start) -> None:
    server = start("bus_site:app", workers=3)

    say(server, "/publish?topic=note.x&times=500")

    wait_until(lambda: notes(server, 3) == {slot: list(range(500)) for slot in range(3)})


def test_message_to_a_slot_reaches_it_alone_and_says_who_sent_it(start: Start) -> None:
    server = start("bus_site:app", workers=2)

    say(server, "/send?to=1&message=hello")

    wait_until(lambda: notes(server, 2) == {0: [], 1: ["hello"]})
    heard = states(server, 2)[1]["heard"]
    topic, _, sender = next(what for what in heard if what != "leads")
    assert topic == "note.direct"
    assert sender in {0, 1}


def test_exception_in_a_handler_is_logged_and_the_next_message_is_delivered(start: Start) -> None:
    server = start("bus_site:app", workers=1)

    say(server, "/publish?topic=note.bad&message=this")
    say(server, "/publish?topic=note.good&message=that")

    wait_until(lambda: notes(server, 1) == {0: ["this", "that"]})
    server.wait_for_log("ValueError: can't use this")


def test_requests_are_answered_in_the_workers_by_turns(start: Start) -> None:
    server = start("bus_site:app", workers=2)

    answers = [say(server, f"/ask?name=who&message={n}") for n in range(8)]

    assert [message for _, message in answers] == [str(n) for n in range(8)]
    assert {pid for pid, _ in answers} == set(server.workers)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fail", "BusFailed: 'fail' raised LookupError: no None"),
        ("die", "BusFailed: the worker that worked on the request to 'die' died"),
        ("nobody", "BusUnavailable: no worker responds to 'nobody'"),
        ("never&timeout=0.05", "BusTimeout: 'never' gave no answer within 0.05 s"),
    ],
)
def test_request_without_an_answer_says_why(start: Start, name: str, told: str) -> None:
    # Whoever dies must not be who asked: there is one worker more than those that may be busy.
    server = start("bus_site:app", "--replay", "off", workers=2)

    said = wait_until(lambda: _asked(server, name))

    assert said.startswith(told)


def _asked(server: Cluster, name: str) -> str:
    body = server.ask(f"/ask?name={name}")
    return json.loads(body) if body.startswith(b'"') else ""  # it died itself


def test_master_hears_answers_and_says_something_itself(start: Start, tmp_path: Path) -> None:
    (tmp_path / "masters.py").write_text(MASTERS)
    server = start(command=[sys.executable, "masters.py"], cwd=tmp_path)

    said = server.ask().decode()

    assert said.startswith("42 'later' raised TypeError: 'later': an async function can't run")
    server.wait_for_log("the master hears note.all 1 from 0")
    server.wait_for_log("the master hears note.you 2 from 0")
    server.wait_for_log("a worker hears 2 from master")
    server.wait_for_log("a worker hears 3 from master")


@pytest.mark.parametrize(
    "path", ["/ask_in_a_loop", "/ask_in_threads", "/big?kilobytes=5000", "/big?kilobytes=65536"]
)
def test_requests_work_from_loops_threads_and_with_much_to_say(start: Start, path: str) -> None:
    server = start("bus_site:app", workers=2)

    answer = say(server, path)

    assert answer is True or answer == [0, 1, 2]


def test_handler_may_ask_another_worker(start: Start) -> None:
    server = start("bus_site:app", workers=2)

    assert say(server, "/ask?name=through&message=x")[1] == "x"


def test_child_of_a_worker_is_no_part_of_the_bus(start: Start) -> None:
    server = start("bus_site:app", workers=1)

    assert say(server, "/child") == 0
    say(server, "/publish?topic=note.x&message=after")

    wait_until(lambda: notes(server, 1) == {0: ["after"]})


def test_replacement_hears_what_is_published_from_then_on(start: Start) -> None:
    server = start("bus_site:app", workers=2)
    say(server, "/publish?topic=note.x&message=before")
    wait_until(lambda: notes(server, 2) == {0: ["before"], 1: ["before"]})

    server.replace(0)
    say(server, "/publish?topic=note.x&message=after")

    wait_until(lambda: notes(server, 2) == {0: ["after"], 1: ["before", "after"]})


def test_worker_that_drains_hears_messages_until_it_ends(
    start: Start, gate: Callable[[], Gate]
) -> None:
    server = start("bus_site:app", workers=2)
    door = gate()
    with server.connect() as client:
        client.sendall(get(door.url("/stand"), "Connection: close"))
        leaving = server.worker_at(door)
        os.kill(leaving, signal.SIGTERM)
        say(server, "/publish?topic=note.x&message=farewell")
        wait_until(lambda: len(notes_of_one(server)) == 1)
        door.open()
        body = b"".join(iter(lambda: client.recv(65536), b""))

    assert b"farewell" in body
    assert str(leaving).encode() in body


@pytest.mark.parametrize("policy", ["drop-oldest", "drop-new", "block"])
def test_what_a_stopped_worker_does_not_hear_the_others_do(start: Start, policy: str) -> None:
    server = start("bus_site:app", "--bus-overflow", policy, "--bus-queue", "262144", workers=2)
    stopped = server.worker_in(0)
    os.kill(stopped, signal.SIGSTOP)

    for turn in range(1, 11):  # 1.6 MB in all, and there is room for 0.5
        say(server, f"/publish?topic=note.x&times=20&message={'x' * 8000}")
        wait_until(lambda: len(notes_of_one(server)) == 20 * turn)  # noqa: B023

    os.kill(stopped, signal.SIGCONT)


def test_handler_that_blocks_costs_others_nothing(start: Start, gate: Callable[[], Gate]) -> None:
    server = start("bus_site:app", workers=2)
    door = gate()
    say(server, f"/publish?topic=block&message={door.path}")
    door.wait_for_request()

    assert say(server, "/state")["pid"] in server.workers

    door.open()
    say(server, "/publish?topic=note.x&message=after")
    wait_until(lambda: notes(server, 2) == {0: ["after"], 1: ["after"]})


def leaders(server: Cluster) -> list[int]:
    """Return the pids of workers that began to lead."""
    return [state["pid"] for state in states(server, 2).values() if "leads" in state["heard"]]


def test_exactly_one_worker_leads_and_another_one_after_its_death(start: Start) -> None:
    server = start("bus_site:app", workers=2)
    (first,) = wait_until(lambda: leaders(server))

    os.kill(first, signal.SIGKILL)
    server.wait_for_log(f"(pid {first}) died")

    (second,) = wait_until(lambda: leaders(server))
    assert second != first
    assert say(server, "/state")["leaders"] == 1


@pytest.mark.slow
def test_leader_that_leaves_stops_before_the_next_one_starts(start: Start) -> None:
    server = start("bus_site:app", workers=2)
    (first,) = wait_until(lambda: leaders(server))

    os.kill(first, signal.SIGTERM)
    server.wait_for_log(f"(pid {first}) exited")

    wait_until(lambda: [pid for pid in leaders(server) if pid != first])
    assert say(server, "/state")["leaders"] == 1


@pytest.mark.slow
def test_leader_that_does_not_stop_ends_with_its_worker(start: Start, tmp_path: Path) -> None:
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    server = start("stubborn:app", "--graceful-timeout", "1", workers=2, cwd=tmp_path)
    first = int(wait_until(lambda: server.ask().decode()))

    os.kill(first, signal.SIGTERM)
    server.wait_for_log(f"(pid {first}) exited")

    wait_until(lambda: server.ask().decode() not in {"", str(first)})


@pytest.mark.slow
def test_leader_of_the_old_generation_stops_before_one_of_the_new_starts(start: Start) -> None:
    server = start("bus_site:app", workers=2)
    (first,) = wait_until(lambda: leaders(server))
    old = set(server.workers)

    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: old.isdisjoint(server.workers) and len(server.workers) == 2)

    (second,) = wait_until(lambda: leaders(server))
    assert second not in old
    assert first in old


def test_publication_after_a_reload_reaches_every_worker_once(start: Start) -> None:
    server = start("bus_site:app", workers=2)
    old = set(server.workers)

    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: old.isdisjoint(server.workers) and len(server.workers) == 2)
    say(server, "/publish?topic=note.x&times=3")

    wait_until(lambda: notes(server, 2) == {0: [0, 1, 2], 1: [0, 1, 2]})

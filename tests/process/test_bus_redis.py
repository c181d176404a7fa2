"""Two servers on one machine that share a bus through a real Redis, which is killed and comes back."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import pytest

from fix_cluster import Cluster, Start
from fix_control import ADMIN, Desk, Office
from fix_processes import children_of, wait_until
from fix_services import Redis

GAP = "fastfork.gap"


def say(server: Cluster, path: str) -> Any:
    """Return what the application answers."""
    return json.loads(server.ask(path))


def heard(server: Cluster, workers: int = 2) -> dict[int, list[Any]]:
    """Return topic, message and sender of what each worker has heard, by slot."""
    found: dict[int, list[Any]] = {}
    while len(found) < workers:
        state = say(server, "/state")
        found[state["slot"]] = [what for what in state["heard"] if isinstance(what, list)]
    return found


def messages(server: Cluster, workers: int = 2) -> dict[int, list[Any]]:
    """Return the messages that each worker has heard, but for gaps."""
    return {
        slot: [message for topic, message, _ in what if topic != GAP]
        for slot, what in heard(server, workers).items()
    }


def gaps(server: Cluster) -> list[int]:
    """Return how many gaps each worker was told of."""
    return [sum(topic == GAP for topic, *_ in what) for what in heard(server).values()]


def bridge_of(server: Cluster) -> int:
    """Return the pid of the server's bridge; 0 while there is none."""
    others = {server.worker_in(slot) for slot in range(2)}
    others |= {int(pid) for pid in re.findall(r"template \(pid (\d+)\) has imported", server.log)}
    return max(set(children_of(server.pid)) - others, default=0)


def broker_of(server: Cluster) -> dict[str, float]:
    """Return what the server says of its broker."""
    broker: dict[str, float] = json.loads(Office(server).ask("/status.json").body)["broker"]
    return broker


def are_connected(*servers: Cluster) -> bool:
    """Whether all have found each other."""
    found = [broker_of(server) for server in servers]
    return all(one["is_up"] and one["servers"] == len(servers) - 1 for one in found)


@pytest.fixture
def pair(start: Start, redis: Redis) -> tuple[Cluster, Cluster]:
    """Give two servers that have found each other."""
    one, other = (
        start("bus_site:app", "--bus", redis.url, "--replay", "off", *ADMIN) for _ in range(2)
    )
    wait_until(lambda: are_connected(one, other))
    return one, other


def test_publication_reaches_the_workers_of_both_servers_in_order(
    pair: tuple[Cluster, Cluster],
) -> None:
    one, other = pair

    say(one, "/publish?topic=note.x&times=500")

    everything = {slot: list(range(500)) for slot in range(2)}
    wait_until(lambda: messages(other) == everything)
    assert messages(one) == everything
    assert {sender for _, _, sender in heard(other)[0]} == {"elsewhere"}
    assert {sender for _, _, sender in heard(one)[0]} <= {0, 1}
    assert gaps(other) == [0, 0]


def test_request_goes_to_another_server_if_nobody_here_responds(start: Start, redis: Redis) -> None:
    """`hello` responds to nothing; it only asks."""
    asker = start("asker:app", "--bus", redis.url, "--bus-channel", "shop", *ADMIN)
    servers = [
        start("bus_site:app", "--bus", redis.url, "--bus-channel", "shop", *ADMIN) for _ in range(2)
    ]
    wait_until(lambda: are_connected(asker, *servers))

    answers = [say(asker, f"/?name=who&message={n}") for n in range(8)]

    assert [message for _, message in answers] == [str(n) for n in range(8)]
    pids = {pid for pid, _ in answers}
    assert all(pids & set(server.workers) for server in servers)
    assert pids <= {pid for server in servers for pid in server.workers}
    assert say(asker, "/?name=fail") == "BusFailed: 'fail' raised LookupError: no None"
    assert say(asker, "/?name=nobody").startswith("BusUnavailable: no worker responds to 'nobody'")
    assert say(asker, "/?name=die").endswith("the worker that worked on the request to 'die' died")


def test_big_messages_cross_whole_and_what_is_too_big_is_told(start: Start, redis: Redis) -> None:
    asker = start("asker:app", "--bus", redis.url, "--bus-channel", "shop", *ADMIN)
    other = start("bus_site:app", "--bus", redis.url, "--bus-channel", "shop", *ADMIN)
    wait_until(lambda: are_connected(asker, other))

    assert say(asker, "/big?octets=3000000") is True
    assert "at most 8388608 octets" in say(asker, "/big?octets=9000000")


def test_broker_that_is_killed_and_comes_back_costs_what_was_said_meanwhile(
    pair: tuple[Cluster, Cluster], redis: Redis
) -> None:
    one, other = pair
    say(one, "/publish?topic=note.x&message=before")
    wait_until(lambda: messages(other) == {0: ["before"], 1: ["before"]})

    redis.kill()
    wait_until(lambda: not broker_of(one)["is_up"] and not broker_of(other)["is_up"])
    say(one, "/publish?topic=note.x&message=meanwhile")
    wait_until(lambda: messages(one) == {0: ["before", "meanwhile"], 1: ["before", "meanwhile"]})
    asked = say(one, "/ask?name=nowhere")
    redis.start()
    wait_until(lambda: are_connected(one, other), within=20)
    say(one, "/publish?topic=note.x&message=after")

    assert asked.startswith("BusUnavailable: no worker here responds to 'nowhere'")
    # What was said meanwhile is lost for the others, and they are told so.
    wait_until(lambda: messages(other) == {0: ["before", "after"], 1: ["before", "after"]})
    wait_until(lambda: gaps(other) == [1, 1])
    assert gaps(one) == [0, 0]
    wait_until(lambda: broker_of(one)["lost"] == 1)
    assert one.log.count("away, messages stay on this server") == 1


def test_gap_is_told_though_nothing_more_is_said(
    pair: tuple[Cluster, Cluster], redis: Redis
) -> None:
    one, other = pair

    redis.kill()
    wait_until(lambda: not broker_of(one)["is_up"])
    say(one, "/publish?topic=note.x&message=lost")
    redis.start()

    wait_until(lambda: gaps(other) == [1, 1], within=20)


def test_broker_that_answers_nobody_holds_nothing_up(
    pair: tuple[Cluster, Cluster], redis: Redis
) -> None:
    one, other = pair

    redis.stop()
    say(one, "/publish?topic=note.x&times=200")
    wait_until(lambda: messages(one) == {slot: list(range(200)) for slot in range(2)})
    wait_until(lambda: not broker_of(one)["is_up"], within=20)
    redis.go_on()

    wait_until(lambda: are_connected(one, other), within=20)


def test_status_and_metrics_say_how_the_broker_is(start: Start, redis: Redis, desk: Desk) -> None:
    secret = redis.url.replace("redis://", "redis://:secret@")
    redis.ask("CONFIG", "SET", "requirepass", "secret")
    server = start("bus_site:app", "--bus", secret, *ADMIN, *desk.options)
    wait_until(lambda: broker_of(server)["is_up"])

    shown = desk.run("status").stdout
    assert f"bus: {redis.url.replace('://', '://:***@')}, connected with 0 other servers" in shown
    assert Office(server).metrics()["fastfork_bus_broker_up{}"] == 1

    redis.kill()
    wait_until(lambda: "AWAY" in desk.run("status").stdout)
    assert "messages stay on this server" in desk.run("status").stdout
    assert Office(server).metrics()["fastfork_bus_broker_up{}"] == 0
    assert "secret" not in server.log


def test_server_starts_without_its_broker_and_finds_it_later(start: Start, redis: Redis) -> None:
    redis.kill()
    server = start("bus_site:app", "--bus", redis.url, *ADMIN)
    say(server, "/publish?topic=note.x&message=alone")
    wait_until(lambda: messages(server) == {0: ["alone"], 1: ["alone"]})

    redis.start()

    wait_until(lambda: broker_of(server)["is_up"], within=20)


def test_bridge_that_dies_is_replaced_and_its_workers_are_told(
    pair: tuple[Cluster, Cluster],
) -> None:
    one, other = pair
    before = bridge_of(one)

    os.kill(before, signal.SIGKILL)

    wait_until(lambda: bridge_of(one) not in (0, before))
    wait_until(lambda: gaps(one) == [1, 1])
    one.wait_for_log("the bridge of the bus died: SIGKILL")
    say(other, "/publish?topic=note.x&message=hello")
    wait_until(lambda: messages(one) == {0: ["hello"], 1: ["hello"]})


def test_server_that_stops_says_so(pair: tuple[Cluster, Cluster]) -> None:
    one, other = pair

    other.process.terminate()
    other.wait_for_end()

    wait_until(lambda: are_connected(one))


def test_other_channels_and_databases_are_apart(start: Start, redis: Redis) -> None:
    one = start("bus_site:app", "--bus", redis.url, *ADMIN)
    start("bus_site:app", "--bus", redis.url, "--bus-channel", "another", *ADMIN)
    start("bus_site:app", "--bus", redis.url.replace("/3", "/4"), *ADMIN)
    twin = start("bus_site:app", "--bus", redis.url, *ADMIN)

    wait_until(lambda: are_connected(one, twin))


@pytest.mark.slow
def test_server_that_is_upgraded_in_place_is_found_again(
    pair: tuple[Cluster, Cluster],
) -> None:
    one, other = pair
    bridge = bridge_of(one)

    one.process.send_signal(signal.SIGUSR2)
    one.wait_for_log("reloaded: generation 2 serves")
    wait_until(lambda: len(one.workers) >= 2 and bridge not in children_of(one.pid))
    wait_until(lambda: are_connected(one, other))
    say(one, "/publish?topic=note.x&times=50")

    wait_until(lambda: messages(other) == {slot: list(range(50)) for slot in range(2)})

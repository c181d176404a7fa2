"""The admin address: health, readiness, metrics and status, whatever the workers do."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from fix_cluster import Gate, Start
from fix_control import ADMIN, Office
from fix_processes import wait_until
from fix_wire import Connect, get


def test_master_answers_while_every_worker_is_busy(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    server = start("process:app", *ADMIN)
    office, doors = Office(server), [gate(), gate()]
    for door in doors:
        connect(server).send(get(door.url()))
        door.wait_for_request()

    assert (office.ask("/healthz").status, office.ask("/readyz").status) == (200, 200)
    wait_until(lambda: office.metrics()["fastfork_workers{state=busy}"] == 2)

    metrics = office.metrics()
    assert metrics["fastfork_connections{state=running}"] == 2
    assert metrics["fastfork_worker_credits{slot=0}"] == 0
    for door in doors:
        door.open()


def test_metrics_count_what_happened(start: Start) -> None:
    server = start("process:app", *ADMIN, "--access-logfile", "/dev/full")
    office = Office(server)
    for _ in range(6):
        server.ask()
    wait_until(lambda: office.metrics()["fastfork_log_lines_lost_total{}"] == 6)
    server.replace(1)

    metrics = office.metrics()

    assert metrics["fastfork_requests_total{}"] == 6
    assert metrics["fastfork_request_seconds_count{}"] == 6
    assert metrics["fastfork_request_seconds_bucket{le=+Inf}"] == 6
    assert metrics["fastfork_request_wait_seconds_bucket{le=+Inf}"] == 6
    assert 0 < metrics["fastfork_request_seconds_sum{}"] < 6
    assert metrics["fastfork_connections_accepted_total{}"] == 6
    assert metrics["fastfork_worker_ends_total{reason=signal}"] == 1
    assert metrics["fastfork_worker_restarts{slot=1}"] == 1
    assert metrics["fastfork_worker_rss_bytes{slot=0}"] > 1 << 20
    assert metrics[f"fastfork_backlog{{listener=http://127.0.0.1:{server.port}}}"] == 0


def test_metrics_tell_of_the_bus_and_of_who_has_room(start: Start) -> None:
    server = start("bus_site:app", *ADMIN)
    office = Office(server)
    before = office.metrics()

    server.ask("/publish?topic=note.x&times=20")
    wait_until(
        lambda: (
            office.metrics()["fastfork_bus_messages_total{}"]
            >= before["fastfork_bus_messages_total{}"] + 20
        )
    )

    assert before["fastfork_worker_credits{slot=0}"] > 0
    assert office.metrics()["fastfork_bus_dropped_total{}"] == 0


def test_refusals_are_counted_by_status(start: Start, connect: Connect) -> None:
    server = start("process:app", *ADMIN)
    for request in (
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    ):
        connect(server).send(request).read_response()

    metrics = Office(server).metrics()

    assert metrics["fastfork_refusals_total{status=505}"] == 1
    assert metrics["fastfork_refusals_total{status=400}"] == 2
    assert metrics["fastfork_full{}"] == 0
    assert metrics["fastfork_bus_dropped_total{}"] == 0


def test_status_is_what_the_command_says_and_holds_no_environment(start: Start) -> None:
    options = ["-w", "1", "-b", "127.0.0.1:0", *ADMIN]
    server = start("process:app", *options, env={"SECRET": "do-not-tell"})

    response = Office(server).ask("/status.json")

    assert response["Content-Type"] == "application/json"
    assert json.loads(response.body)["slots"][0]["pid"] == server.worker_in(0)
    assert b"do-not-tell" not in response.body


def test_address_can_be_a_unix_socket(start: Start, tmp_path: Path) -> None:
    server = start("process:app", "--admin", f"unix:{tmp_path / 'admin'}")

    assert Office(server).ask("/healthz").body == b"ok\n"
    assert Office(server).ask("/", method="HEAD").status == 200


def test_server_is_unready_before_it_stops_and_serves_meanwhile(start: Start) -> None:
    server = start("process:app", *ADMIN, "--shutdown-delay", "60")
    office = Office(server)
    assert office.ask("/readyz").status == 200

    server.process.terminate()

    wait_until(lambda: office.ask("/readyz").status == 503)
    assert office.ask("/readyz").body == b"draining\n"
    assert (office.ask("/healthz").status, bool(server.ask())) == (200, True)
    server.process.terminate()
    assert server.wait_for_end() == 0


def test_shutdown_delay_ends(start: Start) -> None:
    server = start("process:app", "--shutdown-delay", "0.2")

    server.process.terminate()

    assert server.wait_for_end() == 0
    assert "SIGTERM: serving for 0.2 s more, no longer ready" in server.log


def test_address_that_cannot_be_had_is_an_error(start: Start) -> None:
    other = start("process:app")

    server = start("process:app", "--admin", f"127.0.0.1:{other.port}", is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "the port is in use" in server.log


def test_silent_clients_are_dropped_for_new_ones(start: Start) -> None:
    server = start("process:app", *ADMIN)
    office = Office(server)
    wires = [office.connect().send(b"GET /he") for _ in range(40)]

    assert office.ask("/healthz").status == 200
    assert wires[0].is_ended()
    assert wires[-1].send(b"althz HTTP/1.1\r\n\r\n").read_response().body == b"ok\n"

    for wire in wires:
        wire.close()
    wait_until(lambda: office.ask("/healthz").status == 200)


def test_pages_leave_no_descriptor_behind(start: Start) -> None:
    server = start("process:app", *ADMIN)
    office = Office(server)
    before = server.master_fds()

    for path in ("/", "/metrics", "/status.json", "/none") * 10:
        office.ask(path)

    wait_until(lambda: server.master_fds() == before)


def test_stopped_worker_does_not_hold_up_the_pages(start: Start) -> None:
    server = start("process:app", *ADMIN)
    os.kill(server.worker_in(0), signal.SIGSTOP)

    assert Office(server).ask("/status.json").status == 200

    os.kill(server.worker_in(0), signal.SIGCONT)

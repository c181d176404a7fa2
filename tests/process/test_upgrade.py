"""Hot upgrade: the master becomes its next image in place; what refuses leaves everything as it is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start
from fix_control import Desk
from fix_fds import open_fds
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, get

TAKES_OVER = "upgraded from version"

# What another version is, which finds the file `new` where the server runs: lines that come before its start.
NEXT = """
import os, sys
is_new = os.path.exists("new")
{lines}
import fastfork.cli
fastfork.cli.main()
"""
OTHER_LAYOUT = """
import fastfork._native.dispatcher as dispatcher
if is_new:
    dispatcher.layout = lambda: 1
"""
SILENT = "if is_new: sys.exit(7)"
NOT_EXECUTABLE = """
execve = os.execve
def refuse(*words):
    if os.path.exists("new"):
        raise PermissionError(13, "Permission denied")
    execve(*words)
os.execve = refuse
"""
HELD = """
if "FASTFORK_INHERITANCE" in os.environ and os.path.exists("gate"):
    open("gate").read()
"""


def command(lines: str) -> list[str]:
    """Return how to start a server that runs *lines* first, now and in its next image."""
    return [sys.executable, "-c", NEXT.format(lines=lines)]


def upgrade(cluster: Cluster, *, done: int = 1) -> None:
    """Upgrade and wait until all workers are new, so many times by now."""
    cluster.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: cluster.log.count("reloaded: generation") == done)


def wait_for_refusal(cluster: Cluster, why: str) -> None:
    """Wait until the log says that it is not upgraded, and *why*."""
    cluster.wait_for_log("not upgraded, all goes on as it is: ")
    assert why in cluster.log.partition("not upgraded, all goes on as it is: ")[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a folder with an application, where a test may put the files of another version."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "shop.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    if environ['PATH_INFO'] == '/gate':\n"
        "        open(environ['QUERY_STRING'].partition('=')[2]).read()\n"
        "    return [str(os.getpid()).encode()]\n"
    )
    (folder / "loop.py").write_text(
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'http'\n"
        "    length = [(b'content-length', b'2')]\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': length})\n"
        "    await send({'type': 'http.response.body', 'body': b'ok'})\n"
    )
    return folder


def test_process_and_connections_stay_and_workers_are_new(start: Start, connect: Connect) -> None:
    cluster = start()
    before = {cluster.worker_in(0), cluster.worker_in(1)}
    wire = connect(cluster).send(get())
    assert wire.read_response().status == 200

    upgrade(cluster, done=1)
    upgrade(cluster, done=2)

    assert wire.send(get()).read_response().status == 200
    wait_until(lambda: len(cluster.workers) == 2)
    assert before.isdisjoint(cluster.workers)
    wait_until(lambda: len(open_fds(cluster.pid)) <= cluster.fds_of_rest + 1)  # the connection


def test_command_waits_until_the_new_version_serves(start: Start, desk: Desk) -> None:
    cluster = start("process:app", *desk.options)
    before = cluster.worker_in(0)

    done = desk.run("upgrade")
    again = desk.run("upgrade")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("upgraded: version ")
    assert again.returncode == 0
    assert cluster.log.count(TAKES_OVER) == 2
    assert cluster.worker_in(0) != before


@pytest.mark.slow
@pytest.mark.parametrize("app", ["shop:app", "loop:app"])
def test_no_request_fails_and_no_connection_ends_over_several_upgrades(
    app: str, start: Start, home: Path, load: StartLoad
) -> None:
    cluster = start(app, cwd=home)
    clients = load(cluster, *[on_new_connections, on_kept_connections] * 2)

    for done in range(1, 4):
        upgrade(cluster, done=done)

    assert set(clients.stop()) == {"answered"}


def test_what_was_counted_and_how_long_it_serves_go_on(start: Start, desk: Desk) -> None:
    cluster = start("shared:app", *desk.options)
    for _ in range(3):
        cluster.ask("/come")

    assert desk.run("upgrade").returncode == 0
    wait_until(lambda: len(cluster.workers) == 2)

    requests, online, workers = map(int, cluster.ask().split())
    assert (requests, online, workers) == (4, 0, 2)
    assert "4 requests" in desk.run("status").stdout


# --- while there is no master


@pytest.fixture
def held(start: Start, home: Path) -> tuple[Cluster, Gate]:
    """Give a server whose next image waits at a gate before it does anything."""
    return start("shop:app", cwd=home, command=command(HELD)), Gate(home / "gate")


def test_worker_that_dies_meanwhile_is_replaced_and_its_request_runs_again(
    held: tuple[Cluster, Gate], connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, image = held
    door = gate()
    wire = connect(cluster).send(get(door.url()))
    victim = cluster.worker_at(door)
    cluster.process.send_signal(signal.SIGUSR2)
    image.wait_for_request()

    os.kill(victim, signal.SIGKILL)
    door.close()
    image.open()

    cluster.wait_for_log(f"(pid {victim}) died: SIGKILL")
    door.open()
    response = wire.read_response()
    assert response.status == 200
    assert int(response.body) != victim
    cluster.wait_for_log("reloaded: generation 2 serves")


def test_workers_serve_and_new_clients_wait_meanwhile(
    held: tuple[Cluster, Gate], connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, image = held
    door = gate()
    running = connect(cluster).send(get(door.url()))
    door.wait_for_request()
    cluster.process.send_signal(signal.SIGUSR2)
    image.wait_for_request()

    new = connect(cluster).send(get())
    door.open()
    first = running.read_response()
    image.open()

    assert (first.status, new.read_response().status) == (200, 200)
    assert running.send(get()).read_response().status == 200


def test_signals_that_come_meanwhile_are_heard(held: tuple[Cluster, Gate]) -> None:
    cluster, image = held
    cluster.process.send_signal(signal.SIGUSR2)
    image.wait_for_request()

    cluster.process.send_signal(signal.SIGTERM)
    image.open()

    assert cluster.wait_for_end() == 0
    assert "SIGTERM: draining" in cluster.log


# --- refusals


def test_application_that_does_not_import_refuses(start: Start, home: Path, desk: Desk) -> None:
    cluster = start("shop:app", *desk.options, cwd=home)
    workers = cluster.workers

    (home / "shop.py").write_text("import nothing_of_that_name")
    failed = desk.run("upgrade")

    assert failed.returncode == 1
    assert "No module named 'nothing_of_that_name'" in failed.stderr
    assert cluster.workers == workers
    assert int(cluster.ask()) in workers


def test_other_addresses_refuse(start: Start, home: Path) -> None:
    cluster = start("shop:app", cwd=home)

    (home / "fastfork.toml").write_text('admin = "127.0.0.1:0"')
    cluster.process.send_signal(signal.SIGUSR2)

    wait_for_refusal(cluster, "admin was None and would be 127.0.0.1:0")
    assert int(cluster.ask()) > 0


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (OTHER_LAYOUT, "lays out shared memory in another way"),
        (SILENT, "the new version ended with exit code 7 and did not say what it is"),
        (NOT_EXECUTABLE, "can't be executed: Permission denied"),
    ],
    ids=["layout", "silent", "exec"],
)
def test_refusal_says_why_and_the_next_try_may_work(
    lines: str, why: str, start: Start, home: Path
) -> None:
    cluster = start("shop:app", cwd=home, command=command(lines))
    (home / "new").touch()

    cluster.process.send_signal(signal.SIGUSR2)
    wait_for_refusal(cluster, why)
    still = cluster.ask()
    (home / "new").unlink()
    cluster.process.send_signal(signal.SIGUSR2)
    cluster.wait_for_log(TAKES_OVER)

    assert int(still) > 0
    assert int(cluster.ask()) > 0


def test_version_that_takes_too_long_refuses(start: Start, home: Path) -> None:
    cluster = start("shop:app", "--boot-timeout", "2", cwd=home)

    (home / "shop.py").write_text("import signal; signal.pause()")
    cluster.process.send_signal(signal.SIGUSR2)

    wait_for_refusal(cluster, "the new version took too long and did not say what it is")
    assert int(cluster.ask()) > 0


def test_second_upgrade_at_the_same_time_refuses(
    start: Start, home: Path, desk: Desk, gate: Callable[[], Gate]
) -> None:
    cluster, door = start("shop:app", *desk.options, cwd=home), gate()
    shop = (home / "shop.py").read_text()
    (home / "shop.py").write_text(f"open({str(door.path)!r}).read()\n{shop}")
    cluster.process.send_signal(signal.SIGUSR2)
    door.wait_for_request()

    second = desk.run("upgrade")

    assert (second.returncode, second.stderr) == (1, "Error: another upgrade is going on\n")
    (home / "shop.py").write_text(shop)
    door.open()
    cluster.wait_for_log("reloaded: generation 2 serves")


def test_server_that_stops_refuses(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, door = start(workers=1), gate()
    wire = connect(cluster).send(get(door.url()))
    door.wait_for_request()

    cluster.process.send_signal(signal.SIGTERM)
    cluster.wait_for_log("draining")
    cluster.process.send_signal(signal.SIGUSR2)

    cluster.wait_for_log("SIGUSR2: not upgraded, the server is draining")
    door.open()
    assert wire.read_response().status == 200


def hold_starts(home: Path) -> None:
    """Let workers wait at the gate before they serve, once there is one."""
    with (home / "shop.py").open("a") as shop:
        shop.write(
            "import fastfork\n"
            "@fastfork.on_worker_start\n"
            "def wait(slot):\n"
            "    if os.path.exists('gate'):\n"
            "        open('gate').read()\n"
        )


def test_server_stops_while_an_upgrade_waits_for_a_worker_that_starts(
    start: Start, home: Path
) -> None:
    hold_starts(home)
    cluster = start("shop:app", workers=1, cwd=home)
    gate = Gate(home / "gate")
    cluster.process.send_signal(signal.SIGHUP)
    gate.wait_for_request()

    cluster.process.send_signal(signal.SIGUSR2)
    cluster.wait_for_log("it takes over")
    cluster.process.send_signal(signal.SIGTERM)

    assert cluster.wait_for_end() == 0
    assert TAKES_OVER not in cluster.log


def test_upgrade_waits_for_a_reload(start: Start, home: Path) -> None:
    hold_starts(home)
    cluster = start("shop:app", workers=1, cwd=home)
    door = Gate(home / "gate")
    cluster.process.send_signal(signal.SIGHUP)
    door.wait_for_request()

    cluster.process.send_signal(signal.SIGUSR2)
    cluster.wait_for_log("it takes over")
    door.path.unlink()
    door.open()

    cluster.wait_for_log("reloaded: generation 3 serves")
    assert cluster.log.index("reloaded: generation 2 serves") < cluster.log.index(TAKES_OVER)


def test_server_in_a_script_refuses(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import fastfork\nfastfork.run('process:app', workers=1, bind='127.0.0.1:0')")
    cluster = start(
        command=[sys.executable, str(script)],
        is_up=False,
    )
    cluster.wait_for_start()

    cluster.process.send_signal(signal.SIGUSR2)

    wait_for_refusal(cluster, "only a server that was started by `fastfork serve`")
    assert cluster.who().slot == 0

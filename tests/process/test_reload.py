"""Reload: new code and settings while it serves; what fails leaves those that serve alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fix_cluster import Cluster, Gate, Start
from fix_fds import open_fds
from fix_load import StartLoad, on_kept_connections, on_new_connections
from fix_processes import wait_until
from fix_wire import Connect, Wire, get

APP = """\
import os
def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{%r} {os.environ.get('SAID', '')}".encode()]
"""


UNHEALTHY = """
def app(environ, start_response):
    is_checked = environ["PATH_INFO"] == "/health" and environ["QUERY_STRING"] == "deep=1"
    start_response("503 Service Unavailable" if is_checked else "200 OK", [])
    return [b"no database"]
"""


class Site:
    """An application that tests change while it is served."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("first")

    def write(self, says: str, *, before: str = "") -> None:
        """Let it say something else, after it has run *before* at its import."""
        (self.folder / "site_app.py").write_text(f"{before}\n{APP % says}")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give an application."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


def reload(cluster: Cluster, *, done: int) -> None:
    """Reload and wait until it has been done so many times."""
    cluster.process.send_signal(signal.SIGHUP)
    wait_until(lambda: cluster.log.count("reloaded: generation") == done)


def fails_again(cluster: Cluster, seen: int) -> bool:
    """Whether more reloads than *seen* have failed."""
    return cluster.log.count("not reloaded") > seen


def command(socket: Path) -> subprocess.CompletedProcess[str]:
    """Run `fastfork reload`."""
    words = [sys.executable, "-m", "fastfork", "reload", "--control-socket", str(socket)]
    return subprocess.run(words, capture_output=True, text=True, timeout=30)


def test_new_code_is_served_by_every_worker(start: Start, site: Site) -> None:
    cluster = start("site_app:app", cwd=site.folder)
    before = {cluster.worker_in(0), cluster.worker_in(1)}

    site.write("the second")
    reload(cluster, done=1)

    assert [cluster.ask() for _ in range(4)] == [b"the second "] * 4
    wait_until(lambda: before.isdisjoint(cluster.workers))


def test_code_that_does_not_import_leaves_the_old_workers_alone(start: Start, site: Site) -> None:
    socket = site.folder / "control.sock"
    cluster = start("site_app:app", "--control-socket", str(socket), cwd=site.folder)
    workers = cluster.workers

    site.write("never", before="import nothing_of_that_name")
    failed = command(socket)
    still = [cluster.ask() for _ in range(4)]
    kept = cluster.workers
    site.write("mended again")
    mended = command(socket)

    assert failed.returncode == 1
    assert "No module named 'nothing_of_that_name'" in failed.stderr
    assert still == [b"first "] * 4
    assert kept == workers
    assert "not reloaded, the workers that serve go on" in cluster.log
    assert (mended.returncode, cluster.ask()) == (0, b"mended again ")


def test_worker_that_takes_too_long_to_load_is_given_up(start: Start, site: Site) -> None:
    cluster = start("site_app:app", "--boot-timeout", "1", workers=1, cwd=site.folder)

    site.write("never", before="import signal; signal.pause()")
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("not reloaded")

    assert "had not loaded the application after 1 s" in cluster.log
    assert cluster.ask() == b"first "


def test_second_reload_does_not_wait_for_the_first(start: Start, site: Site) -> None:
    cluster = start("site_app:app", cwd=site.folder)

    site.write("never", before="import signal; signal.pause()")
    cluster.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(cluster.workers) == 3)
    site.write("the newest")
    reload(cluster, done=1)

    assert [cluster.ask() for _ in range(4)] == [b"the newest "] * 4
    assert "not reloaded" not in cluster.log


def test_link_that_was_moved_is_followed_and_a_failure_goes_back(
    start: Start, tmp_path: Path
) -> None:
    for name in ("one", "two", "bad"):
        (tmp_path / name).mkdir()
        Site(tmp_path / name).write(name, before="import nope" if name == "bad" else "")
    current = tmp_path / "current"
    current.symlink_to("one")
    cluster = start("site_app:app", "--chdir", str(current), workers=1)

    def move(to: str) -> None:
        current.unlink()
        current.symlink_to(to)

    move("two")
    reload(cluster, done=1)
    second = cluster.ask()
    move("bad")
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("not reloaded")
    cluster.replace(0)

    assert second == b"two "
    assert cluster.ask() == b"two "


def test_file_of_settings_and_variables_are_read_again(start: Start, site: Site) -> None:
    settings, variables = site.folder / "fastfork.toml", site.folder / "site.env"
    settings.write_text('env-file = "site.env"\nkeep-alive = 5\n')
    variables.write_text("SAID=A\n")
    cluster = start("site_app:app", workers=1, cwd=site.folder)
    first = cluster.ask()

    settings.write_text('env-file = "site.env"\nkeep-alive = 6\nlimit-request-line = 100\n')
    variables.write_text("SAID=B\n")
    reload(cluster, done=1)

    assert (first, cluster.ask()) == (b"first A", b"first B")
    wire = Wire(cluster.connect())
    assert wire.send(get("/" + "x" * 100)).read_response().status == 414
    wire.close()
    assert "changed, but taken only by a new start: keep_alive" in cluster.log


def test_number_of_workers_in_the_file_is_taken(start: Start, site: Site) -> None:
    settings = site.folder / "fastfork.toml"
    settings.write_text("workers = 1\nbind = '127.0.0.1:0'\n")
    cluster = start("site_app:app", cwd=site.folder, env={"ANY": "1"})

    settings.write_text("workers = 3\nbind = '127.0.0.1:0'\n")
    reload(cluster, done=1)

    wait_until(lambda: len(cluster.workers) == 3)
    assert "taken only by a new start" not in cluster.log


def test_file_with_a_mistake_changes_nothing(start: Start, site: Site) -> None:
    cluster = start("site_app:app", workers=1, cwd=site.folder)

    (site.folder / "fastfork.toml").write_text("wrokers = 2\n")
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("did you mean workers?")

    assert cluster.ask() == b"first "


def test_code_that_fails_its_check_leaves_the_old_workers_alone(start: Start, site: Site) -> None:
    cluster = start("site_app:app", "--check", "/health?deep=1", cwd=site.folder)
    workers = cluster.workers

    (site.folder / "site_app.py").write_text(UNHEALTHY)
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("not reloaded")

    assert "the check of /health was answered 503 Service Unavailable\nno database" in cluster.log
    wait_until(lambda: cluster.workers == workers)
    assert cluster.ask() == b"first "


@pytest.mark.parametrize("parallel", [1, 3])
def test_so_many_slots_at_a_time_are_reloaded(parallel: int, start: Start, site: Site) -> None:
    options = ("--no-preload", "--reload-parallel", str(parallel))
    cluster = start("site_app:app", *options, workers=4, cwd=site.folder)
    gate = Gate(site.folder / "gate")

    site.write("the second", before=f"open({str(gate.path)!r}, 'rb').read()")
    cluster.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(cluster.workers) == 4 + parallel)
    gate.wait_for_request()
    at_gate = str(gate.path)
    wait_until(lambda: sum(at_gate in open_fds(w).values() for w in cluster.workers) == parallel)
    still = len(cluster.workers)
    # Who comes later than the first finds a file that keeps nobody waiting.
    (site.folder / "open").touch()
    (site.folder / "open").replace(gate.path)
    site.write("the second")
    gate.close()
    cluster.wait_for_log("reloaded: generation 2")

    assert still == 4 + parallel
    assert {cluster.ask() for _ in range(8)} == {b"the second "}


def test_change_of_a_file_reloads_and_a_failure_waits_for_the_next_one(
    start: Start, site: Site
) -> None:
    cluster = start("site_app:app", "--reload", cwd=site.folder)
    first = cluster.ask()
    cluster.wait_for_log("--reload: watching")

    site.write("never", before="1 / 0")
    cluster.wait_for_log("not reloaded")
    still = cluster.ask()
    site.write("mended again")
    wait_until(lambda: cluster.ask() == b"mended again ")

    assert (first, still) == (b"first ", b"first ")
    assert "site_app.py changed: reloading" in cluster.log
    assert "ZeroDivisionError" in cluster.log


@pytest.mark.parametrize("where", [[], ["--no-preload"]], ids=["template", "worker"])
def test_start_that_fails_waits_for_a_change_in_development(
    where: list[str], start: Start, site: Site
) -> None:
    site.write("never", before="1 / 0")
    cluster = start("site_app:app", "--reload", *where, cwd=site.folder, is_up=False)
    cluster.wait_for_log("nothing is served until a file changes")
    cluster.wait_for_log("--reload: watching")

    site.write("mended again")
    cluster.wait_for_start()

    assert cluster.ask() == b"mended again "
    assert cluster.log.count("ZeroDivisionError") == 1


def test_start_that_fails_again_waits_again(start: Start, site: Site) -> None:
    (site.folder / "site_app.py").write_text(UNHEALTHY)
    options = ("--reload", "--check", "/health?deep=1")
    cluster = start("site_app:app", *options, cwd=site.folder, is_up=False)
    cluster.wait_for_log("--reload: watching")
    cluster.wait_for_log("nothing is served until a file changes")

    site.write("never", before="1 / 0")
    wait_until(lambda: cluster.log.count("nothing is served until a file changes") == 2)
    site.write("mended again")
    cluster.wait_for_start()

    assert cluster.ask() == b"mended again "
    assert "the check of /health was answered 503" in cluster.log


@pytest.mark.slow
def test_no_request_fails_while_the_new_code_takes_long_to_import(
    start: Start, site: Site, load: StartLoad
) -> None:
    cluster = start("site_app:app", cwd=site.folder)
    clients = load(cluster, *[on_new_connections, on_kept_connections] * 2)

    site.write("the second", before="import time; time.sleep(2)")
    reload(cluster, done=1)

    assert set(clients.stop()) == {"answered"}
    assert cluster.ask() == b"the second "


def test_asgi_workers_that_nobody_asks_leave_at_once(start: Start, tmp_path: Path) -> None:
    cluster = start("hooked_asgi:app", "-e", f"HOOKS={tmp_path / 'notes'}")

    reload(cluster, done=1)

    wait_until(lambda: len(cluster.workers) == 2)


def test_request_that_runs_long_does_not_hold_up_the_next_slot(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, doors = start("process:app"), [gate(), gate()]
    old = {cluster.worker_in(0), cluster.worker_in(1)}
    wires = [connect(cluster).send(get(door.url())) for door in doors]
    for door in doors:
        door.wait_for_request()

    reload(cluster, done=1)

    assert old.isdisjoint({cluster.worker_in(0), cluster.worker_in(1)})
    assert old < set(cluster.workers)
    for door in doors:
        door.open()
    assert [wire.read_response().status for wire in wires] == [200, 200]
    wait_until(lambda: old.isdisjoint(cluster.workers))


def test_request_that_runs_is_finished_by_the_old_worker(
    start: Start, connect: Connect, gate: Callable[[], Gate]
) -> None:
    cluster, door = start("process:app", workers=1), gate()
    old = cluster.worker_in(0)
    wire = connect(cluster).send(get(door.url()))
    door.wait_for_request()

    cluster.process.send_signal(signal.SIGHUP)
    wait_until(lambda: cluster.worker_in(0) != old)
    assert cluster.who().pid == cluster.worker_in(0)
    door.open()

    assert wire.read_response().status == 200


def test_worker_that_is_down_comes_back_with_the_new_code(start: Start, site: Site) -> None:
    cluster = start("site_app:app", "--no-preload", workers=1, cwd=site.folder)
    site.write("never", before="import nope")
    os.kill(cluster.worker_in(0), signal.SIGKILL)
    cluster.wait_for_log("No module named 'nope'")

    site.write("mended again")
    reload(cluster, done=1)

    assert cluster.ask() == b"mended again "


@pytest.mark.slow
def test_no_request_fails_and_no_connection_ends_over_many_reloads(
    start: Start, load: StartLoad
) -> None:
    cluster = start("process:app", workers=2)
    clients = load(cluster, *[on_new_connections, on_kept_connections] * 2)

    for done in range(1, 11):
        reload(cluster, done=done)

    assert set(clients.stop()) == {"answered"}
    wait_until(lambda: len(open_fds(cluster.pid)) <= cluster.fds_of_rest)


def test_reloads_that_fail_leave_no_descriptor_behind(start: Start, site: Site) -> None:
    cluster = start("site_app:app", workers=1, cwd=site.folder)

    for code in ("import nope", "1 / 0", "import nope"):
        seen = cluster.log.count("not reloaded")
        site.write("never", before=code)
        cluster.process.send_signal(signal.SIGHUP)
        wait_until(partial(fails_again, cluster, seen))

    wait_until(lambda: len(open_fds(cluster.pid)) <= cluster.fds_of_rest)

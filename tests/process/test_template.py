"""The template: one import for all workers, and what becomes of them when it can't be or is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start
from fix_processes import children_of, name_of, wait_until

APP = """\
import os, random
with open(os.environ["IMPORTS"], "a") as imports:
    imports.write(f"{os.getpid()}\\n")
%s
def app(environ, start_response):
    start_response("200 OK", [])
    return [str(random.random()).encode()]
"""


class Site:
    """An application that notes who imports it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write()

    def write(self, code: str = "") -> None:
        """Let it do *code* at its import."""
        (self.folder / "noted.py").write_text(APP % code)

    @property
    def imports(self) -> list[int]:
        """Who has imported it."""
        return [int(line) for line in (self.folder / "imports").read_text().split()]

    @property
    def options(self) -> tuple[str, ...]:
        """What makes it known to the server."""
        return ("-e", f"IMPORTS={self.folder / 'imports'}", "--control-socket", self.socket)

    @property
    def socket(self) -> str:
        """The control socket."""
        return str(self.folder / "control.sock")

    def status(self) -> dict[str, object]:
        """What the server says of its template."""
        words = [sys.executable, "-m", "fastfork", "status", "--json"]
        told = subprocess.run([*words, "--control-socket", self.socket], capture_output=True)
        found: dict[str, object] = json.loads(told.stdout)["template"]
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Give an application."""
    return Site(tmp_path)


def template_of(cluster: Cluster) -> int:
    """Return the process that workers are forked from."""
    found = cluster.template
    assert found is not None
    return found


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_application_is_imported_once_and_workers_are_the_masters(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)

    next_worker = cluster.replace(1)

    assert site.imports == [template_of(cluster)]
    assert [parent_of(pid) for pid in (cluster.worker_in(0), next_worker)] == [cluster.pid] * 2
    assert name_of(next_worker) == "ff-worker-1"
    assert "died: SIGKILL; next try at once" in cluster.log
    assert site.status() == {
        "pid": template_of(cluster),
        "why": "",
        "rss": pytest.approx(3e7, rel=2),
    }


def test_workers_draw_different_random_numbers(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)

    assert len({cluster.ask() for _ in range(4)}) == 4


def test_dead_template_is_replaced_and_workers_go_on(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)
    workers, first = cluster.workers, template_of(cluster)

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: cluster.log.count("has imported noted:app") == 2)
    kept = cluster.workers
    cluster.replace(0)

    assert "template died: SIGKILL; next try at once" in cluster.log
    assert kept == workers
    assert site.imports == [first, template_of(cluster)]


def test_template_that_can_not_be_replaced_is_told_and_workers_go_on(
    start: Start, site: Site
) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)
    workers = cluster.workers

    site.write("import nothing_of_that_name")
    os.kill(template_of(cluster), signal.SIGKILL)
    cluster.wait_for_log("template could not start: importing 'noted' failed")
    wait_until(lambda: "nothing_of_that_name" in str(site.status()["why"]))

    wait_until(
        lambda: cluster.workers == workers
    )  # a try of the template may just have been forked
    assert cluster.ask()
    site.write()
    wait_until(lambda: site.status()["why"] == "")


LEFT = {
    "thread": (
        "from threading import *\nThread(target=Event().wait, daemon=True, name='poller').start()",
        "1 thread (poller)",
    ),
    "loop": ("import asyncio; loop = asyncio.new_event_loop()", "1 event loop"),
}


@pytest.mark.parametrize(("code", "told"), LEFT.values(), ids=LEFT.keys())
def test_what_no_fork_survives_makes_workers_import_for_themselves(
    code: str, told: str, start: Start, site: Site
) -> None:
    site.write(code)
    cluster = start("noted:app", *site.options, cwd=site.folder)

    assert {*cluster.workers} < {*site.imports}
    assert len(site.imports) == 3
    assert cluster.log.count(f"its import left {told}, which a fork does not survive") == 1
    wait_until(lambda: cluster.template is None)
    assert told in str(site.status()["why"])


def test_preload_forks_whatever_the_import_left(start: Start, site: Site) -> None:
    site.write("import asyncio; loop = asyncio.new_event_loop()")
    cluster = start("noted:app", "--preload", *site.options, cwd=site.folder)

    assert site.imports == [template_of(cluster)]
    assert "--preload: importing noted:app left 1 event loop" in cluster.log


def test_term_to_the_whole_group_is_no_end_of_the_template(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)

    os.kill(template_of(cluster), signal.SIGTERM)
    cluster.replace(0)

    assert site.imports == [template_of(cluster)]


def test_no_preload_has_no_template(start: Start, site: Site) -> None:
    cluster = start("noted:app", "--no-preload", *site.options, cwd=site.folder)

    assert sorted(site.imports) == sorted(cluster.workers)
    assert cluster.workers == children_of(cluster.pid)
    assert site.status() is None


def test_reload_makes_a_new_template_and_ends_the_old_one(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)
    first = template_of(cluster)

    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("reloaded: generation 2")
    wait_until(lambda: len(children_of(cluster.pid)) == 3)

    assert site.imports == [first, template_of(cluster)]


def test_reload_that_fails_leaves_the_old_template(start: Start, site: Site) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder)
    first = template_of(cluster)

    site.write("1 / 0")
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("not reloaded")
    cluster.replace(0)

    assert template_of(cluster) == first
    assert cluster.ask()


def test_import_that_kills_the_first_template_ends_the_server(start: Start, site: Site) -> None:
    site.write("os.kill(os.getpid(), 9)")
    cluster = start("noted:app", *site.options, cwd=site.folder, is_up=False)
    cluster.exit_code = 3

    assert cluster.wait_for_end() == 3
    assert "the template died before it had loaded the application: SIGKILL" in cluster.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_server_stops_while_the_template_imports(
    number: signal.Signals, start: Start, site: Site
) -> None:
    site.write("import signal; signal.pause()")
    cluster = start("noted:app", *site.options, cwd=site.folder, is_up=False)
    wait_until((site.folder / "imports").exists)

    cluster.process.send_signal(number)

    assert cluster.wait_for_end() == 0


def test_worker_imports_for_itself_if_the_template_does_not_answer_and_that_is_replaced(
    start: Start, site: Site
) -> None:
    cluster = start("noted:app", *site.options, cwd=site.folder, workers=1)
    first = template_of(cluster)

    os.kill(first, signal.SIGSTOP)
    next_worker = cluster.replace(0)

    assert cluster.ask()
    assert next_worker in site.imports
    assert "the template does not answer: worker 0 imports for itself" in cluster.log

    wait_until(lambda: cluster.template not in {None, first})

"""The job portal as one command serves it: SQLite, a cache in each worker, the bus between them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start
from fix_portal import Visitor
from fix_processes import wait_until

ROOT = Path(__file__).parents[2]
WORKERS = 4

pytestmark = pytest.mark.slow


def open_portal(start: Start, folder: Path, *, workers: int) -> Cluster:
    """Return a portal without a job."""
    env = {"PORTAL_DATABASE": f"sqlite:///{folder}/portal.sqlite3", "PORTAL_SAMPLES": "no"}
    options = ("-w", str(workers), "-b", "127.0.0.1:0")
    return start("examples.job_portal.app:app", *options, cwd=ROOT, env=env)


@pytest.fixture
def portal(start: Start, tmp_path: Path) -> Cluster:
    """Give a portal of four workers."""
    return open_portal(start, tmp_path, workers=WORKERS)


def by_worker(portal: Cluster) -> dict[int, int]:
    """Return how many jobs each worker shows, by slot: connections go round."""
    found: dict[int, int] = {}
    visitor = Visitor(portal.port)
    while len(found) < WORKERS:
        page = visitor.get("/")
        slot = int(page.text.partition("Worker ")[2].partition(",")[0])
        found[slot] = page.text.count('class="card"')
    return found


def test_job_that_is_posted_is_seen_in_every_worker_and_applied_for_once(portal: Cluster) -> None:
    ada, bob = Visitor(portal.port, "ada"), Visitor(portal.port, "bob")
    assert by_worker(portal) == dict.fromkeys(range(WORKERS), 0)
    assert ada.get("/jobs/new").location == "/signin?next=/jobs/new"
    assert ada.sign_up().status == 303

    page = ada.post_job("Keeper of bees", key="a" * 32)
    again = ada.post_job("Keeper of bees", key="a" * 32)

    assert page.location == again.location == f"/jobs/{'a' * 32}"
    everywhere = dict.fromkeys(range(WORKERS), 1)
    wait_until(lambda: by_worker(portal) == everywhere)
    assert "Bees, &lt;b&gt;forty" in bob.get(page.location).text
    assert bob.post(f"{page.location}/apply").location == f"/signin?next=/jobs/{'a' * 32}"
    bob.sign_up()
    assert bob.post_job("Thief of bees", key="a" * 32).status == 409
    for _ in range(2):
        assert bob.post(f"{page.location}/apply", note="I like <honey>.").status == 303
    assert ada.get("/mine").text.count("I like &lt;honey&gt;.") == 1
    assert "Keeper of bees" in bob.get("/mine").text
    wait_until(lambda: ada.numbers()["online"] == 2)
    ada.post("/signout")
    wait_until(lambda: bob.numbers()["online"] == 1)
    assert ada.get("/mine").status == 303
    assert ada.sign_in().status == 303


def test_counts_and_connections_are_right_again_when_every_worker_was_killed(
    portal: Cluster,
) -> None:
    """Each in its turn, so the one that counts who is online is among them."""
    ada = Visitor(portal.port, "ada")
    ada.sign_up()
    ada.post_job("Keeper of bees")
    views = ada.numbers()["views"]

    for slot in range(WORKERS):
        portal.replace(slot)

    def rest() -> bool:
        now = ada.numbers()
        return (now["online"], now["workers"], now["connections"]) == (1, WORKERS, 40)

    wait_until(rest)
    assert ada.numbers()["share"] == 10
    assert ada.numbers()["views"] >= views
    assert by_worker(portal) == dict.fromkeys(range(WORKERS), 1)


def test_portal_refuses_what_is_wrong_in_words(start: Start, tmp_path: Path) -> None:
    portal = open_portal(start, tmp_path, workers=1)
    ada = Visitor(portal.port, "ada")
    ada.sign_up()

    assert "The title is missing." in ada.post_job(" ").text
    assert "at most" in ada.post_job("x" * 101).text
    assert "open it anew" in ada.post_job("x", key="../../etc").text
    assert "long" not in ada.post_job("x" * 100).text
    assert "don&#39;t belong together" in ada.post("/signin", name="ada", password="wrong").text
    assert "is taken" in ada.post("/signup", name="ada", password="another one").text
    assert ada.sign_in(next="//evil.example").location == "/"
    assert ada.sign_in(next="/mine").location == "/mine"
    assert [ada.get(path).status for path in ("/jobs/nope", f"/jobs/{'f' * 32}")] == [404, 404]
    assert ada.count_jobs("?q=%25") == 0
    assert ada.count_jobs("?q=XXX+heather&place=sky&page=-1") == 1


@pytest.mark.long
def test_reload_keeps_sessions_and_jobs(portal: Cluster) -> None:
    ada = Visitor(portal.port, "ada")
    ada.sign_up()
    ada.post_job("Keeper of bees")

    os.kill(portal.pid, signal.SIGHUP)
    portal.wait_for_log("reloaded: generation 2")

    assert "Keeper of bees" in ada.get("/mine").text
    wait_until(lambda: ada.numbers()["connections"] == 40)

"""The whole job portal: real nginx, MariaDB and Redis, a crowd of visitors, and workers that are killed.

`make test-long` runs it. It needs what Debian calls nginx-light, mariadb-server and redis-server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pymysql
import pytest
from examples.job_portal.stack import Stack

from fastfork.control import Client
from fix_portal import Page, Visitor
from fix_processes import children_of, processes_of, wait_until

WORKERS, CONNECTIONS = 4, 40
VISITORS, JOBS = 12, 20
KILLS = 6

NEEDED = {
    "nginx": "nginx-light",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "redis-server": "redis-server",
}
MISSING = sorted(
    {
        NEEDED[name]
        for name in NEEDED
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    }
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(MISSING), reason=f"apt-get install {' '.join(MISSING)}"),
]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give the stack; all of it ends well."""
    # Sockets have short paths.
    folder = Path("/tmp") / f"portal-{secrets.token_hex(4)}"
    stack = Stack(folder, port=0, workers=WORKERS, connections=CONNECTIONS, samples=False)
    parts = ("database", "redis", "server", "nginx")
    try:
        stack.start()
        yield stack
        pids = [stack.pid_of(part) for part in parts]
    finally:
        codes = stack.stop()
        logs = {part: stack.log_of(part) for part in codes}
        shutil.rmtree(folder)
    assert codes == dict.fromkeys(parts, 0), logs
    assert [processes_of(pid) for pid in pids] == [[]] * len(parts)


def ask_database(stack: Stack, query: str) -> list[tuple[Any, ...]]:
    """Return what the database itself says, by the one connection that is kept for its owner."""
    connection = pymysql.connect(
        unix_socket=str(stack.folder / "database.socket"), user="root", database="portal"
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
    finally:
        connection.close()


class Crowd:
    """Visitors that sign up, post jobs, look at them and apply, all at once."""

    def __init__(self, port: int) -> None:
        self.posted: list[str] = []
        """The id of each job that the portal has confirmed."""
        self.failed: list[Page] = []
        """What should have been a page and was none."""
        self.again = 0
        """Forms that were sent again, because a worker died with them."""
        self.later = 0
        """Forms that were sent again, because many people signed in."""
        self.pages = 0
        """Pages that came."""
        self.is_busy = Event()
        self._port = port

    def come(self, number: int) -> Visitor:
        """Do what one visitor does."""
        visitor = Visitor(self._port, f"visitor-{number}")
        assert self._insist(visitor.sign_up).status == 303
        for n in range(JOBS):
            key = secrets.token_hex(16)
            page = self._insist(partial(visitor.post_job, f"Job {n}", key=key))
            assert page.location == f"/jobs/{key}"
            self.posted.append(key)
            self._look(visitor, page.location)
            self._look(visitor, f"/?page={n % 5 + 1}")
            wanted = self.posted[n * number % len(self.posted)]
            assert self._insist(partial(visitor.post, f"/jobs/{wanted}/apply")).status == 303
            if len(self.posted) > VISITORS:
                self.is_busy.set()
        return visitor

    def _look(self, visitor: Visitor, path: str) -> None:
        page = visitor.get(path)
        self.pages += 1
        if page.status != 200:
            self.failed.append(page)

    def _insist(self, send: Callable[[], Page]) -> Page:
        while (page := send()).status in (429, 502):  # what "try again" and "load again" are for
            self.again += page.status == 502
            self.later += page.status == 429
        self.pages += 1
        return page


def kill_each(stack: Stack, kills: int) -> None:
    """Kill workers, one after the other; each when the one before has a successor."""
    server = stack.pid_of("server")
    for _ in range(kills):
        victim = _workers(stack)[0]  # the oldest, so all of them in turn, and the leader first
        os.kill(victim, signal.SIGKILL)
        wait_until(partial(_is_gone, victim, server))
        wait_until(lambda: len(_workers(stack)) == WORKERS, within=30)


def _is_gone(worker: int, server: int) -> bool:
    return worker not in children_of(server)


def _workers(stack: Stack) -> list[int]:
    """Return the workers that serve, by age."""
    started = [
        int(line.partition("(pid ")[2].partition(")")[0])
        for line in stack.log_of("server").splitlines()
        if "] worker " in line and line.endswith("started")
    ]
    return [pid for pid in started if pid in children_of(stack.pid_of("server"))]


@pytest.mark.timeout(300)
def test_nothing_is_lost_and_counts_are_right_when_workers_are_killed_in_the_middle(
    stack: Stack,
) -> None:
    crowd = Crowd(stack.port)
    with ThreadPoolExecutor(VISITORS + 1) as pool:
        comers = [pool.submit(crowd.come, number) for number in range(VISITORS)]
        assert crowd.is_busy.wait(60)
        kill_each(stack, KILLS)
        visitors = [comer.result() for comer in comers]
    views = visitors[0].numbers()["views"]
    with Client(stack.folder / "control.socket") as server:
        replayed = server.status()["counters"]["replayed"]

    # They died in the middle of something.
    assert replayed + crowd.again > 0
    # Counts: each page once; what a worker had counted that died with it may be there twice.
    made = crowd.pages + crowd.later
    assert made <= views <= made + crowd.again + KILLS
    # Pages: a worker that dies with one costs nobody anything.
    assert crowd.failed == []
    # Jobs: each that was confirmed is there, once.
    assert len(crowd.posted) == len(set(crowd.posted)) == VISITORS * JOBS
    there = {key for (key,) in ask_database(stack, "SELECT id FROM jobs")}
    assert there == set(crowd.posted)
    # Whichever worker is asked: none has an old list.
    wait_until(lambda: [visitors[0].count_jobs() for _ in range(WORKERS)] == [len(there)] * WORKERS)
    # Numbers: no worker that died is counted, whatever it was.
    wait_until(lambda: visitors[0].numbers()["online"] == VISITORS)
    numbers = visitors[0].numbers()
    assert (numbers["workers"], numbers["share"], numbers["connections"]) == (4, 10, CONNECTIONS)
    # The database would have refused one connection more.
    ((_, most),) = ask_database(stack, "SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
    assert int(most) <= CONNECTIONS + 1
    assert "Traceback" not in stack.log_of("server")
    assert stack.log_of("server").count("died: SIGKILL") == KILLS
    for visitor in visitors[:3]:
        assert visitor.post("/signout").status == 303
    wait_until(lambda: visitors[-1].numbers()["online"] == VISITORS - 3)
    done = f"{crowd.pages} pages, {KILLS} workers killed, {replayed} requests run again"
    print(f"{done}, {crowd.again} forms sent again, {most} connections")


@pytest.mark.timeout(120)
def test_nginx_serves_files_itself_and_says_who_asks(stack: Stack) -> None:
    visitor = Visitor(stack.port, "ada")

    assert "--ground" in visitor.get("/static/portal.css").text
    assert visitor.get("/machine").text.count(f"{WORKERS} \u00d7 10 = {CONNECTIONS}") == 1
    before = visitor.numbers()["views"]
    visitor.get("/static/portal.css")
    assert visitor.numbers()["views"] == before + 1

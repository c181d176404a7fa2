"""Settings from everywhere, as a real server takes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fix_cluster import Start
from fix_fds import open_fds
from fix_processes import wait_until
from fix_server import APPS

NOBODY = 65_534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, as /var/log is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


GUNICORN_HOOKS = """
import os

def when_ready(server):
    server.log.info("hook when_ready %d in %d", server.pid, os.getpid())

def post_fork(server, worker):
    server.log.info("hook post_fork %d %d %d in %d", server.pid, worker.pid, worker.age, os.getpid())

def worker_exit(server, worker):
    worker.log.info("hook worker_exit %d %d %d in %d", server.pid, worker.pid, worker.age, os.getpid())

def child_exit(server, worker):
    server.log.info(f"hook the child_exit {server.pid} {worker.pid} {worker.age} in {os.getpid()}")
    raise KeyError("and fails")

def pre_fork(server, worker):
    server.log.info("hook pre_fork %d %d %d in %d", server.pid, worker.pid, worker.age, os.getpid())

def on_starting(server):
    server.log.info("hook on_starting %d in %d", server.pid, os.getpid())

def on_reload(server):
    server.log.info("hook on_reload %d in %d", server.pid, os.getpid())

def on_exit(server):
    server.log.info("hook on_exit %d in %d", server.pid, os.getpid())

def pre_request(worker, request):
    worker.log.info("hook that nobody runs")
"""


def config(
    *words: str, cwd: Path = APPS, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `fastfork config`."""
    return subprocess.run(
        [sys.executable, "-m", "fastfork", "config", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_show_tells_every_value_and_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "fastfork.toml").write_text('app = "shop"\nthreads = 2\n')

    shown = config(
        "show",
        "--json",
        "--backlog",
        "64",
        cwd=tmp_path,
        env={
            "GUNICORN_CMD_ARGS": "-w 3 -t 9 --preload --worker-tmp-dir /dev/shm",
            "FASTFORK_TIMEOUT": "8",
        },
    )

    found = {name: (one["value"], one["origin"]) for name, one in json.loads(shown.stdout).items()}
    assert found["app"] == ("shop", "fastfork.toml")
    assert found["threads"] == (2, "fastfork.toml")
    assert found["workers"] == (3, "GUNICORN_CMD_ARGS")
    assert found["timeout"] == (8.0, "environment variable FASTFORK_TIMEOUT")
    assert found["backlog"] == (64, "command line")
    assert found["keep_alive"] == (75.0, "default")


def test_show_needs_no_application(tmp_path: Path) -> None:
    shown = config("show", "--json", "--threads", "2", cwd=tmp_path)

    found = json.loads(shown.stdout)
    assert found["app"] == {"value": None, "origin": "default"}
    assert found["threads"]["value"] == 2


def test_check_imports_the_application() -> None:
    good, missing = config("check", "process:app"), config("check", "process:nothing")

    assert (good.returncode, good.stdout) == (0, "process:app can be served\n")
    assert missing.returncode == 4
    assert "has no attribute 'nothing'" in missing.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-k", "gevent"], "use --threads N"),
        (["--certfile", "x.pem"], "end TLS in the proxy"),
        (["-u", "no-such-user"], "there is no user 'no-such-user'"),
        (["-g", "no-such-group"], "there is no group 'no-such-group'"),
        (["-e", "KEY"], "'KEY' is not KEY=VALUE"),
        (["-c", "nowhere.toml"], "can't read nowhere.toml"),
    ],
)
def test_what_cannot_be_served_is_told_and_ends_with_1(words: list[str], told: str) -> None:
    checked = config("check", "process:app", *words)

    assert checked.returncode == 1
    assert told in checked.stderr


def test_gunicorns_file_is_taken_and_the_log_says_so(start: Start, tmp_path: Path) -> None:
    lines = [
        "wsgi_app = 'process:app'",
        f"chdir = {str(APPS)!r}",
        "workers = 1",
        "preload_app = 1",
        "reuse_port = 1",
    ]
    (tmp_path / "gunicorn.conf.py").write_text("\n".join([*lines, "bind = '127.0.0.1:0'"]))

    cluster = start("process:app", "-D", cwd=tmp_path, env={"ANY": "1"})

    assert len(cluster.workers) == 1
    assert "settings from gunicorn.conf.py" in cluster.log
    assert cluster.template is not None
    assert "without a meaning here, ignored: reuse_port" in cluster.log
    assert "-D: this server stays in the foreground" in cluster.log


def test_hooks_of_gunicorns_file_run_where_gunicorn_runs_them(start: Start, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(GUNICORN_HOOKS)
    cluster = start("process:app", "--chdir", str(APPS), workers=1, cwd=tmp_path)
    worker = cluster.worker_in(0)

    cluster.process.terminate()
    assert cluster.wait_for_end() == 0

    told = [line.partition("hook ")[2] for line in cluster.log.splitlines() if "hook " in line]
    assert told == [
        f"on_starting {cluster.pid} in {cluster.pid}",
        f"pre_fork {cluster.pid} 0 1 in {cluster.pid}",
        f"post_fork {cluster.pid} {worker} 1 in {worker}",
        f"when_ready {cluster.pid} in {cluster.pid}",
        f"worker_exit {cluster.pid} {worker} 1 in {worker}",
        f"the child_exit {cluster.pid} {worker} 1 in {cluster.pid}",
        "child_exit of the file of settings failed: KeyError('and fails')",
        f"on_exit {cluster.pid} in {cluster.pid}",
    ]
    assert "ignored: pre_request" in cluster.log


def test_hook_of_a_reload_runs_in_the_master(start: Start, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(GUNICORN_HOOKS)
    cluster = start("process:app", "--chdir", str(APPS), workers=1, cwd=tmp_path)

    cluster.process.send_signal(signal.SIGHUP)

    cluster.wait_for_log(f"hook on_reload {cluster.pid} in {cluster.pid}")
    cluster.wait_for_log("reloaded: generation 2 serves")


def test_variables_are_there_while_the_application_is_imported(
    start: Start, tmp_path: Path
) -> None:
    file = tmp_path / "shop.env"
    file.write_text("SAID=by the file\n")

    by_file = start("identity:app", "--env-file", str(file))
    by_line = start("identity:app", "--env-file", str(file), "-e", "SAID=by the line")

    assert by_file.ask().endswith(b"\nby the file")
    assert by_line.ask().endswith(b"\nby the line")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_worker_is_somebody_else_before_it_loads_the_application(start: Start) -> None:
    cluster = start("identity:app", "-u", str(NOBODY), "-g", "12", "-m", "027")

    who = cluster.ask().decode().partition("\n")[0]
    cluster.replace(0)

    assert who == f"{(NOBODY,) * 3} {(12,) * 3} [12, {NOBODY}] 027"
    assert Path(f"/proc/{cluster.pid}").stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_worker_that_is_somebody_else_reopens_the_logs(start: Start, open_folder: Path) -> None:
    log = open_folder / "access.log"
    cluster = start("identity:app", "-u", str(NOBODY), "--access-logfile", str(log), workers=1)

    log.rename(open_folder / "old.log")
    os.kill(cluster.pid, signal.SIGUSR1)
    wait_until(lambda: str(log) in open_fds(cluster.workers[0]).values())
    cluster.ask()
    wait_until(lambda: "GET / HTTP/1.1" in log.read_text())

    assert "can't reopen" not in cluster.log

"""`fastfork.run`, from a script of the user."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Cluster, Start

APP = """
import os, sys
import fastfork

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""
RUN = "fastfork.run(app, workers=2, bind='127.0.0.1:0')\n"

Script = Callable[[str], Cluster]


@pytest.fixture
def script(start: Start, tmp_path: Path) -> Script:
    """Give servers that a script starts; its lines stand behind an application."""

    def begin(lines: str) -> Cluster:
        path = tmp_path / "script.py"
        path.write_text(APP + lines)
        return start(command=[sys.executable, str(path)], cwd=tmp_path, is_up=False)

    return begin


def test_an_application_object_is_served_by_workers_of_the_caller(script: Script) -> None:
    server = script(RUN)
    server.wait_for_start()

    assert server.ask() == b"hello"
    assert len(server.workers) == 2


def test_an_application_may_be_named(script: Script) -> None:
    server = script(
        "if __name__ == '__main__':\n"
        "    fastfork.run('script:app', workers=2, bind='127.0.0.1:0')\n"
    )
    server.wait_for_start()

    assert server.ask() == b"hello"


def test_the_caller_goes_on_after_the_server(script: Script) -> None:
    server = script(
        "import signal\n"
        f"signal.signal(signal.SIGHUP, print)\n{RUN}"
        "print('handlers', signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP))\n"
        "sys.exit(5)\n"
    )
    server.exit_code = 5
    server.wait_for_start()

    server.process.terminate()

    assert server.wait_for_end() == 5
    assert "handlers 0 <built-in function print>" in server.log


def test_nothing_of_the_caller_runs_in_the_workers(script: Script) -> None:
    server = script(
        "import atexit\n"
        "atexit.register(lambda: print('at exit of', os.getpid(), flush=True))\n"
        f"try:\n    {RUN}finally:\n    print('end of', os.getpid(), flush=True)\n"
    )
    server.wait_for_start()

    server.process.terminate()

    server.wait_for_end()
    assert server.log.count("end of") == 1
    assert server.log.count("at exit of") == 1
    assert f"end of {server.pid}\n" in server.log


def test_a_file_that_the_caller_opened_is_open_in_the_workers(
    script: Script, tmp_path: Path
) -> None:
    path = tmp_path / "notes"
    server = script(
        f"notes = open({str(path)!r}, 'a')\n"
        "def noting(environ, start_response):\n"
        "    print('asked', file=notes, flush=True)\n"
        "    return app(environ, start_response)\n"
        "fastfork.run(noting, workers=1, bind='127.0.0.1:0')\n"
    )
    server.wait_for_start()

    server.ask()

    assert path.read_text() == "asked\n"


def test_a_process_with_threads_is_refused(script: Script) -> None:
    server = script(
        "import threading\n"
        "held = threading.Event()\n"
        "threading.Thread(target=held.wait, daemon=True).start()\n"
        f"try:\n    {RUN}except fastfork.StartError as error:\n    print('refused:', error)\n"
    )

    assert server.wait_for_end() == 0
    assert "refused: this process has 2 threads" in server.log


def test_a_call_without_the_guard_is_told_apart_from_a_fork_bomb(script: Script) -> None:
    server = script("fastfork.run('script:app', workers=2, bind='127.0.0.1:0')\n")
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "put the call under: if __name__ == '__main__'" in server.log


def test_an_error_is_an_exception_that_the_caller_can_catch(script: Script) -> None:
    server = script(
        "try:\n    fastfork.run('nosuchmodule:app', bind='127.0.0.1:0')\n"
        "except fastfork.AppNotFound as error:\n    print('caught', error)\n"
    )

    assert server.wait_for_end() == 0
    assert "caught there is no module 'nosuchmodule'" in server.log

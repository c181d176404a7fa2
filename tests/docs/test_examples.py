"""Every example does what its first lines say; those without HTTP: process/test_raw.py."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

from fix_pages import ROOT
from fix_processes import wait_until
from fix_server import Serve, Server

WORKERS = 3

pytestmark = pytest.mark.slow

Example = Callable[[str], Server]


@pytest.fixture
def example(serve: Serve) -> Example:
    """Serve an example by name."""
    return lambda name: serve(f"examples.{name}:app", "--chdir", str(ROOT), workers=WORKERS)


def ask(server: Server, path: str = "/", data: object = None) -> str:
    """Return what comes at *path*; *data* is sent as JSON."""
    request = Request(f"http://{server.url}{path}")
    if data is not None:
        request.data = json.dumps(data).encode()
        request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def window(server: Server, path: str) -> ClientConnection:
    """Return a WebSocket."""
    return connect(f"ws://127.0.0.1:{server.port}{path}", open_timeout=10, close_timeout=10)


def test_examples_are_all_tested() -> None:
    tests = "".join(
        (ROOT / "tests" / name).read_text()
        for name in ("docs/test_examples.py", "process/test_raw.py", "process/test_start.py")
    )

    examples = {path.stem for path in (ROOT / "examples").glob("*.py")}

    assert {
        name for name in examples if f'"{name}"' not in tests and f".{name}:" not in tests
    } == set()


def test_commands_of_the_list_are_understood() -> None:
    text = (ROOT / "examples" / "README.md").read_text()
    commands = re.findall(r"`fastfork serve ([^`]+)`", text)
    files = {path.name for path in (ROOT / "examples").glob("*.py")}

    assert {name for name in files if f"[{name}]({name})" not in text} == set()
    for command in commands:
        check = [sys.executable, "-m", "fastfork", "config", "check", *command.split()]
        done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_hello_says_who_answers(example: Example) -> None:
    server = example("hello")

    assert re.fullmatch(r"Response from worker [012] \(pid \d+\)\n", ask(server))


def test_flask_app_has_a_database_in_each_worker(example: Example) -> None:
    server = example("flask_app")

    assert {ask(server)[-4:] for _ in range(WORKERS)} == {" 42\n"}
    assert json.loads(ask(server, "/echo", {"a": 1}))["said"] == {"a": 1}


def test_django_site_answers(example: Example) -> None:
    server = example("django_site")

    assert re.fullmatch(r"Django, worker [012]\n", ask(server))
    assert json.loads(ask(server, "/visitor")) == {"address": "127.0.0.1", "secure": False}


def test_fastapi_app_counts_asks_and_echoes(example: Example) -> None:
    server = example("fastapi_app")

    assert [json.loads(ask(server))["visits"] for _ in range(4)] == [1, 2, 3, 4]
    assert json.loads(ask(server, "/upper", {"text": "abc"})) == {"text": "ABC"}
    with window(server, "/echo") as socket:
        socket.send("hello")
        assert socket.recv(10) == "HELLO"


def test_counter_is_right_in_all_workers_and_a_dead_one_takes_its_users_along(
    example: Example,
) -> None:
    server = example("counter")
    before = server.workers

    for _ in range(30):
        ask(server, "/come")
    right, wrong = map(int, re.findall(r"(\d+)[ ,]", ask(server))[:2])

    assert right == 30
    assert wrong < 30
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: 0 < int(re.findall(r"\d+", ask(server))[0]) < 30)


def test_chat_reaches_windows_at_all_workers(example: Example) -> None:
    server = example("chat")
    assert "new WebSocket" in ask(server)
    with ExitStack() as stack:
        windows = [stack.enter_context(window(server, "/socket")) for _ in range(2 * WORKERS)]
        windows[0].send("hello")

        heard = {one.recv(10) for one in windows}

    assert len(heard) == 1
    assert re.fullmatch(r"[012]: hello", str(heard.pop()))


def test_background_has_one_leader_and_somebody_who_computes(example: Example) -> None:
    server = example("background")

    assert re.fullmatch(r"ABC \(by worker [012]\)\n", ask(server, "/upper?abc"))
    wait_until(lambda: re.search(r"says worker [012]", ask(server, "/clock")))

"""From the command line to the first answer, and every way not to get there."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fix_cluster import Gate, Start
from fix_processes import wait_until
from fix_wire import Connect, get

HELLO = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""


def test_the_log_names_the_real_port_where_port_0_was_asked_for(start: Start) -> None:
    server = start("process:app", "-b", "127.0.0.1:0")

    assert server.port > 0
    assert server.ask()


def test_the_log_names_version_application_workers_and_pids(start: Start) -> None:
    server = start(workers=2)

    assert re.search(rf"fastfork \S+ starts process:app \(pid {server.pid}\)", server.log)
    assert "process:app runs in 2 workers, interface wsgi" in server.log
    assert sorted(server.worker_in(slot) for slot in (0, 1)) == sorted(server.workers)


def test_it_listens_when_every_worker_has_loaded_the_application(
    start: Start, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    door = gate()
    (tmp_path / "slow.py").write_text(
        "from fastfork import worker_slot\n"
        f"worker_slot() == 1 and open({str(door.url('')[6:])!r}, 'rb').read()\n{HELLO}"
    )
    server = start("slow:app", "--no-preload", cwd=tmp_path, is_up=False)
    door.wait_for_request()
    wait_until(lambda: "worker 0" in server.log)

    assert "Listening" not in server.log

    door.open()
    server.wait_for_start()
    assert server.ask() == b"hello"


def test_who_connects_before_it_is_ready_waits_and_is_answered(
    start: Start, connect: Connect, gate: Callable[[], Gate], tmp_path: Path
) -> None:
    door = gate()
    (tmp_path / "slow.py").write_text(f"open({str(door.url('')[6:])!r}, 'rb').read()\n{HELLO}")
    path = tmp_path / "socket"
    server = start("slow:app", "-b", f"unix:{path}", cwd=tmp_path, is_up=False, workers=1)
    door.wait_for_request()
    server.url = f"unix:{path}"
    wire = connect(server)
    wire.sock.sendall(get())

    assert wire.is_quiet()

    door.open()
    assert wire.read_response().body == b"hello"
    server.wait_for_start()


def test_port_and_web_concurrency_come_from_the_environment(start: Start) -> None:
    # Port 0 would mean "none given" nowhere: it is a port like any other, and frees us of a fixed one.
    server = start(env={"PORT": "0", "WEB_CONCURRENCY": "3"})

    assert server.url.startswith("0.0.0.0:")
    assert len(server.workers) == 3


def test_the_pid_file_names_the_master_until_it_ends(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    server = start("process:app", "-p", str(path))

    assert path.read_text() == f"{server.pid}\n"

    server.process.terminate()
    server.wait_for_end()
    assert not path.exists()


def test_a_pid_file_of_a_running_process_is_respected(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text(f"{os.getpid()}\n")
    server = start("process:app", "-p", str(path), is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert f"names process {os.getpid()}, which is running" in server.log
    assert path.read_text() == f"{os.getpid()}\n"


def test_a_pid_file_of_a_process_that_is_gone_is_replaced(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("4194304\n")  # beyond the highest pid there can be
    server = start("process:app", "-p", str(path))

    assert path.read_text() == f"{server.pid}\n"


def test_chdir_is_where_the_application_is_looked_for(start: Start, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text(HELLO)
    server = start("there", "--chdir", str(tmp_path))

    assert server.ask() == b"hello"


REFUSALS = {
    "unknown flag": (["process:app", "--no-such-flag"], 2, "--no-such-flag"),
    "bad number": (["process:app", "-w", "none"], 1, "workers: 'none' can't be used"),
    "bad address": (["process:app", "-b", "127.0.0.1:http"], 1, "can't be used"),
    "no such host": (["process:app", "-b", "no-such-host.invalid:0"], 1, "there is no such host"),
    "not our address": (["process:app", "-b", "192.0.2.1:0"], 1, "ip address"),
    "bad log file": (["process:app", "--error-logfile", "/no/such/log"], 1, "can't open"),
    "bad directory": (["process:app", "--chdir", "/no/such/place"], 1, "can't enter"),
    "bad descriptor": (["process:app", "-b", "fd://999"], 1, "inherited stream socket"),
    "no such module": (["nosuchmodule:app"], 4, "there is no module 'nosuchmodule'"),
    "no such attribute": (["process:nothing"], 4, "'process' has no attribute 'nothing'"),
    "not callable": (["process:ROUTES"], 4, "a dict can't be called"),
}


@pytest.mark.parametrize(("words", "code", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_cannot_start_says_why_in_one_line_and_by_its_exit_code(
    words: list[str], code: int, said: str, start: Start
) -> None:
    server = start(*words, is_up=False)
    server.exit_code = code

    assert server.wait_for_end() == code
    (line,) = [line for line in server.log.splitlines() if line.startswith("Error: ")]
    assert said in line
    assert "Traceback" not in server.log


def test_a_missing_attribute_is_answered_with_what_there_is(start: Start) -> None:
    server = start("process:ap", is_up=False)
    server.exit_code = 4

    server.wait_for_end()
    assert "did you mean 'app'" in server.log


def test_a_port_in_use_is_one_line_that_says_how_to_find_the_owner(start: Start) -> None:
    first = start()
    second = start("process:app", "-b", f"127.0.0.1:{first.port}", is_up=False)
    second.exit_code = 1

    assert second.wait_for_end() == 1
    assert second.log == (
        f"Error: can't listen on 127.0.0.1:{first.port}: the port is in use;"
        " take another one, or find its owner with: ss -ltnp\n"
    )
    assert first.ask()


def test_an_application_that_raises_shows_its_traceback_once_for_all_workers(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(
        "def deep():\n    raise RuntimeError('by design')\ndeep()\n"
    )
    server = start("broken:app", cwd=tmp_path, workers=4, is_up=False)
    server.exit_code = 3

    assert server.wait_for_end() == 3
    assert server.log.count("Traceback") == 1
    assert server.log.count("RuntimeError: by design") == 1
    assert "fastfork/" not in server.log.partition("Traceback")[2]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_an_import_that_kills_the_process_is_named(
    number: signal.Signals, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "deadly.py").write_text(f"import os\nos.kill(os.getpid(), {int(number)})\n")
    server = start("deadly:app", cwd=tmp_path, is_up=False)
    server.exit_code = 3

    assert server.wait_for_end() == 3
    assert f"died before it had loaded the application: {number.name}" in server.log


def test_an_import_that_exits_is_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text("import os\nos._exit(5)\n")
    server = start("leaving:app", cwd=tmp_path, is_up=False)
    server.exit_code = 3

    assert server.wait_for_end() == 3
    assert "died before it had loaded the application: exit code 5" in server.log


def test_nothing_is_left_listening_when_the_start_fails(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = start("nosuchmodule:app", "-b", f"unix:{path}", is_up=False)
    server.exit_code = 4

    server.wait_for_end()
    assert not path.exists()


def test_too_few_open_files_are_one_line_that_says_how_many_are_needed(start: Start) -> None:
    command = ["sh", "-c", 'ulimit -n 100 && exec "$@"', "sh", sys.executable, "-m", "fastfork"]
    server = start(is_up=False, command=command)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert "the hard limit of open files is 100, but 64 connections need 332" in server.log


OLD_HEADERS = """
import os, signal
del os.pidfd_open, signal.pidfd_send_signal
from fastfork.cli import main
main()
"""


def test_a_python_built_against_old_headers_serves_and_replaces_workers(start: Start) -> None:
    server = start(workers=2, command=[sys.executable, "-c", OLD_HEADERS])

    server.replace(0)
    assert server.ask()


OLD_KERNEL = """
import errno, os
def pidfd_open(pid):
    raise OSError(errno.ENOSYS, "Function not implemented")
os.pidfd_open = pidfd_open
from fastfork.cli import main
main()
"""


def test_an_old_kernel_is_one_line_that_says_what_is_needed(start: Start) -> None:
    server = start(command=[sys.executable, "-c", OLD_KERNEL], is_up=False)
    server.exit_code = 1

    assert server.wait_for_end() == 1
    assert re.fullmatch(
        r"Error: Linux \S+ is too old: fastfork needs 5\.3 or newer.*\n", server.log
    )

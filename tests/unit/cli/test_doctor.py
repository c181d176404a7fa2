"""What `fastfork doctor` says: facts in, findings out; and that it can look at a real machine."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from fastfork.cli import checks, machine, main
from fastfork.cli.checks import Finding
from fastfork.cli.doctor import lines_of
from fastfork.settings import Settings
from fastfork.supervisor.binds import parse_bind

SETTINGS = Settings(app="any")
MIB = 1 << 20

FINDINGS = {
    "free-threaded": (checks.python("3.14", has_gil=False), "note", "never run", "ordinary build"),
    "python": (checks.python("3.13", has_gil=True), "ok", "CPython 3.13", ""),
    "kernel": (checks.kernel("6.1", None), "ok", "Linux 6.1", ""),
    "old kernel": (checks.kernel("4.9", "too old"), "bad", "too old", "newer kernel"),
    "workers by cores": (checks.cores(4, SETTINGS), "ok", "as many workers", ""),
    "many workers": (
        checks.cores(2, Settings(app="any", workers=9)),
        "note",
        "for 9 workers",
        "--workers 4",
    ),
    "some workers": (checks.cores(2, Settings(app="any", workers=8)), "ok", "for 8 workers", ""),
    "memory": (checks.memory(512 * MIB, workers=3), "ok", "128 MiB for each of 3", ""),
    "little memory": (checks.memory(100 * MIB, workers=3), "note", "25 MiB for each", "--workers"),
    "processes": (checks.processes(None, workers=4, threads=1), "ok", "no limit", ""),
    "few processes": (
        checks.processes(20, workers=4, threads=1),
        "bad",
        "20 processes and threads at most, where 32",
        "TasksMax=",
    ),
    "files": (checks.open_files(1_000_000, SETTINGS, workers=2), "ok", "65536 connections", ""),
    "some files": (checks.open_files(1024, SETTINGS, workers=2), "note", "1024 at most", "ulimit"),
    "few files": (checks.open_files(100, SETTINGS, workers=2), "bad", "is 100", "raise it"),
    "lanes": (checks.open_files(10_000, SETTINGS, workers=600), "bad", "too many", ""),
    "backlog": (checks.backlog(2048, {"net.core.somaxconn": 4096}), "ok", "2048 connections", ""),
    "short backlog": (
        checks.backlog(2048, {"net.core.somaxconn": 128}),
        "note",
        "net.core.somaxconn is 128, less than the 2048",
        "sysctl -w net.core.somaxconn=2048",
    ),
    "free": (checks.address(parse_bind(":80"), None), "ok", "free", ""),
    "taken": (
        checks.address(parse_bind(":80"), "no; x", owners=["nginx (pid 4)"]),
        "bad",
        "in use by nginx (pid 4)",
        "another port",
    ),
    "refused": (
        checks.address(parse_bind(":80"), "no right; be root"),
        "bad",
        "no right",
        "be root",
    ),
    "control": (checks.control(None, "/run/x"), "ok", "in /run/x", ""),
    "no control": (checks.control("denied", "/x"), "note", "/x: denied", "XDG_RUNTIME_DIR"),
}


@pytest.mark.parametrize(
    ("finding", "grade", "said", "remedy"), FINDINGS.values(), ids=FINDINGS.keys()
)
def test_each_finding_says_what_there_is_and_what_helps(
    finding: Finding, grade: str, said: str, remedy: str
) -> None:
    assert (finding.grade, bool(finding.remedy)) == (grade, bool(remedy))
    assert said in finding.said
    assert remedy in finding.remedy


def test_a_missing_package_is_bad_only_if_the_settings_need_it() -> None:
    wanted = Settings(app="any", loop="uvloop", bus="redis://h", reload=True)

    unneeded = checks.extras(checks.EXTRAS, SETTINGS)
    needed = checks.extras(checks.EXTRAS, wanted)

    assert {one.grade for one in unneeded} == {"note"}
    assert {one.what for one in needed if one.grade == "bad"} == {"uvloop", "redis", "watchfiles"}
    assert needed[0].remedy == "pip install 'fastfork[standard]'"


def test_remedies_stand_below_what_they_are_for() -> None:
    found = [Finding("a", "ok", "fine"), Finding("long", "bad", "broken", "mend it")]

    lines = [line.replace("\x1b", "") for line in lines_of(found)]

    assert [line.split("  ")[-1].lstrip("-> ") for line in lines] == ["fine", "broken", "mend it"]


def test_a_port_that_is_in_use_is_told_with_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        refusal = machine.why_not(parse_bind(f"127.0.0.1:{port}"))

        assert "the port is in use" in (refusal or "")
        assert any(f"(pid {os.getpid()})" in owner for owner in machine.owners(port))
    assert machine.owners(0) == []


@pytest.mark.parametrize(
    ("bind", "told"),
    [
        ("127.0.0.1:0", None),
        ("unix:{}/free", None),
        ("unix:{}/file", "is not a socket"),
        ("unix:{}/heard", "a server is listening there"),
        ("unix:{}/none/x", "No such file or directory"),
        ("unix:@fastfork-nobody", None),
        ("192.0.2.1:8000", "no interface of this machine"),
        ("fd://999", "inherited stream socket"),
    ],
)
def test_an_address_is_tried_and_nothing_is_left(
    bind: str, told: str | None, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "heard"))
        other.listen()

        said = machine.why_not(parse_bind(bind.format(tmp_path)))

    assert said is None if told is None else told in (said or "")
    assert not (tmp_path / "free").exists()


def test_limits_of_a_cgroup_are_numbers_or_nothing() -> None:
    assert machine.cgroup_limit("no.such.file") is None
    assert all(value > 0 for value in machine.queues().values())


def test_the_whole_is_shown_as_text_and_as_json() -> None:
    words = ["doctor", "-w", "2", "-b", "127.0.0.1:0"]

    shown = CliRunner().invoke(main, words)
    found = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)

    assert {"python", "kernel", "cores", "open files", "backlog", "127.0.0.1:0"} <= {
        one["what"] for one in found
    }
    assert len(shown.output.splitlines()) >= len(found)


def test_what_is_bad_is_told_by_the_exit_code_and_quiet_shows_nothing_else() -> None:
    bad = CliRunner().invoke(main, ["doctor", "-q", "-w", "2", "-b", "unix:/no/such/folder/x"])

    assert bad.exit_code == 1
    assert "unix:/no/such/folder/x" in bad.output
    assert "CPython" not in bad.output

"""What workers are forked with; numbers are those of README.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fix_play import Play, Stage
from fix_processes import Sessions


def test_17_environment_of_a_worker_is_ours_and_what_fork_adds(play: Stage) -> None:
    program = play(
        'cluster.fork({"ADDED": "yes", "CHANGED": "new"})',
        'say(os.environ["ADDED"], os.environ["CHANGED"], os.environ["KEPT"])',
        CHANGED="old",
        KEPT="kept",
    )

    assert program.end() == ["yes new kept"]


def test_18_directory_holds_for_later_forks_only(play: Stage) -> None:
    program = play(
        """
        say(cluster.settings.cwd)
        first = cluster.fork()
        cluster.setup_primary(cwd="/")
        first.on("exit", lambda code, signal: cluster.fork())
        say(os.getcwd() == "/")
        """,
        'say(cluster.worker.id, os.getcwd() == "/")',
    )

    assert sorted(program.end()) == ["1 False", "2 True", "False", "None"]


def test_19_descriptors_of_the_program_are_its_workers(play: Stage) -> None:
    program = play(
        """
        up, down = os.pipe(), os.pipe()
        os.write(down[1], b"ping")
        cluster.on("exit", lambda w, code, signal: say(os.read(up[0], 9)))
        cluster.setup_primary(exec=lambda: os.write(up[1], os.read(down[0], 4) + b"pong"))
        cluster.fork()
        """
    )

    assert program.end() == ["b'pingpong'"]


def test_21_22_arguments_reach_workers_and_setup_is_told_later(play: Stage) -> None:
    program = play(
        """
        cluster.on("setup", lambda settings: say("setup", settings.args))
        cluster.setup_primary(args=["a", "b"])
        say("before")
        cluster.fork()
        """,
        "say(sys.argv[1:])",
    )

    assert program.end() == ["before", "setup ('a', 'b')", "['a', 'b']"]


def test_23_what_is_not_named_stays(play: Stage) -> None:
    program = play(
        """
        say(cluster.settings.args, dict(cluster.settings.serving))
        cluster.setup_primary(args=["a"], threads=2)
        cluster.setup_primary(cwd="/", keep_alive=5)
        say(cluster.settings.args, cluster.settings.cwd, dict(cluster.settings.serving))
        """
    )

    assert program.end() == ["None {}", "('a',) / {'threads': 2, 'keep_alive': 5}"]


def test_24_25_setup_is_told_for_each_call_with_its_own_values(play: Stage) -> None:
    program = play(
        """
        cluster.on("setup", lambda settings: say(settings.args[0]))
        for n in range(3):
            cluster.setup_primary(args=[n])
        """
    )

    assert program.end() == ["0", "1", "2"]


def test_wrong_settings_are_refused_in_words(play: Stage) -> None:
    program = play(
        """
        for wrong in ({"thread": 1}, {"bind": ":80"}, {"threads": "many"}, {"dispatch": "shared"}):
            try:
                cluster.setup_primary(**wrong)
            except Exception as error:
                say(type(error).__name__, error)
        """
    )

    lines = program.end()

    assert lines[0].startswith("ConfigError unknown setting 'thread'; did you mean threads")
    assert lines[1].startswith(
        "ConfigError a cluster has no setting 'bind': serve(handler, address)"
    )
    assert lines[2].startswith("ConfigError threads: 'many' can't be used")
    assert lines[3].startswith("ConfigError a cluster deals connections itself")


def test_function_can_be_what_workers_run_and_they_may_not_fork(play: Stage) -> None:
    program = play.run(
        """
from fastfork import cluster

def work():
    try:
        cluster.fork()
    except cluster.StartError as error:
        print(cluster.is_worker, error, flush=True)

cluster.setup_primary(exec=work)
cluster.fork()
cluster.run()
"""
    )

    (line,) = program.end()
    assert line.startswith("True a worker has no workers")


def test_program_that_fails_ends_with_its_traceback_and_code_1(play: Stage) -> None:
    program = play(
        'cluster.fork()\ncluster.on("exit", lambda w, code, signal: say("exit", code))',
        "1 / 0",
    )

    text = "\n".join(program.end())

    assert "ZeroDivisionError" in text
    assert "exit 1" in text


@pytest.mark.parametrize("name", ["site", "site.prog"])
def test_module_that_was_run_by_its_name_is_run_so_again(
    sessions: Sessions, tmp_path: Path, name: str
) -> None:
    program = (
        "import sys\n"
        "from fastfork import cluster\n"
        "if cluster.is_primary:\n"
        "    cluster.fork()\n"
        "    cluster.run()\n"
        "else:\n"
        "    print(__name__, __spec__.name, sys.argv[1:], flush=True)\n"
    )
    folder = tmp_path / "portal_site"
    folder.mkdir()
    for file in ("__main__.py", "prog.py"):
        (folder / file).write_text(program)
    (folder / "__init__.py").touch()
    module = name.replace("site", "portal_site")

    log = tmp_path / "log"
    command = [sys.executable, "-m", module, "a"]
    play = Play(sessions.start(command, cwd=tmp_path, log=log), log)

    spec = module if "." in module else f"{module}.__main__"
    assert play.end() == [f"__main__ {spec} ['a']"]


def test_another_program_can_be_what_workers_run(play: Stage, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("import sys\nprint('other', sys.argv[1:], flush=True)\n")

    program = play(f"cluster.setup_primary(exec={str(other)!r}, args=[1])\ncluster.fork()")

    assert program.end() == ["other ['1']"]

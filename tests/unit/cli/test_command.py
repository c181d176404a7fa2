"""What all commands have in common: hints, colours, quiet and JSON, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import click
import pytest
from click.testing import CliRunner, Result

from fastfork.cli import main
from fastfork.cli.command import ELSEWHERE, offer, wants_colour

BIN = Path(sys.executable).parent
NAMES = ["serve", "status", "stop", "restart"]


def call(*words: str, **options: Any) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, words, **options)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sevre", "no such command 'sevre'; did you mean serve?"),
        ("run", "no such command 'run'; did you mean serve?"),
        ("xyz", "no such command 'xyz'; there are: serve, status, stop, restart"),
        (
            "shop:app",
            "no such command 'shop:app'; to serve an application: fastfork serve shop:app",
        ),
        ("a/b.py", "no such command 'a/b.py'; to serve an application: fastfork serve a/b.py"),
    ],
)
def test_what_is_no_command_is_answered_with_what_may_be_meant(word: str, said: str) -> None:
    assert offer(word, NAMES) == said


def test_every_command_has_the_name_that_it_is_called_by() -> None:
    context = click.Context(main)

    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}

    assert len(commands) == 14
    assert all(command and command.name == name for name, command in commands.items())


def test_a_server_does_not_import_what_only_other_commands_need() -> None:
    code = "import sys; from fastfork.cli import main; main.get_command(None, 'serve'); print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    others = {"config", "control", "doctor", "machine", "systemd_unit", "table", "top"}
    assert {f"fastfork.cli.{name}" for name in others} & set(done.stdout.split()) == set()


def test_a_misspelt_command_is_a_mistake_of_usage() -> None:
    done = call("sttaus")

    assert done.exit_code == 2
    assert "did you mean status?" in done.output


@pytest.mark.parametrize("option", ELSEWHERE)
def test_what_other_servers_call_otherwise_is_told_by_its_name_here(option: str) -> None:
    done = call("serve", "shop:app", option, "1")

    assert done.exit_code == 2
    assert f"no such option {option}; here it is {ELSEWHERE[option]}" in done.output


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": ""}, None),
    ],
)
def test_colours_are_for_terminals_unless_somebody_says_otherwise(
    environ: dict[str, str], colour: bool | None
) -> None:
    assert wants_colour(environ) is colour


def test_an_error_is_red_where_colours_are_wanted() -> None:
    plain = call("status", "--name", "nobody", env={"NO_COLOR": "1"}, color=True)
    red = call("status", "--name", "nobody", env={"FORCE_COLOR": "1", "NO_COLOR": ""})

    assert plain.output.startswith("Error: ")
    assert red.output.startswith("\x1b[31mError:\x1b[0m ")


class Steered:
    """A server that obeys."""

    def __init__(self, path: str | None, *, name: str | None) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def stop(self, *, now: bool) -> None: ...

    def reload(self) -> None: ...

    def restart(self, slot: int | None) -> dict[str, list[int]]:
        return {"restarted": [0, 1] if slot is None else [slot]}

    def scale(self, workers: str) -> int:
        return int(workers)


ORDERS = {
    "stop": (["stop"], "stopped\n", {"stopped": True}),
    "reload": (["reload"], "reloaded\n", {"reloaded": True}),
    "restart": (["restart", "all"], "restarted: 0, 1\n", {"restarted": [0, 1]}),
    "scale": (["scale", "3"], "workers: 3\n", {"workers": 3}),
}


@pytest.mark.parametrize(("words", "said", "result"), ORDERS.values(), ids=ORDERS.keys())
def test_orders_tell_their_result_as_text_as_json_or_not_at_all(
    words: list[str], said: str, result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastfork.control.Client", Steered)

    assert call(*words).output == said
    assert json.loads(call(*words, "--json").output) == result
    assert call(*words, "-q").output == ""


def completed(line: str, cwd: Path) -> list[str]:
    """Return what a shell would offer for the last word of *line*."""
    words = line.split(" ")
    asked = {
        "_FASTFORK_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from fastfork.cli import main; main(prog_name='fastfork')"]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    return [offered.partition(",")[2] for offered in done.stdout.splitlines()]


def test_commands_options_words_and_modules_are_completed(tmp_path: Path) -> None:
    (tmp_path / "shop.py").touch()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "wsgi.py").touch()

    assert completed("fastfork re", tmp_path) == ["reload", "restart"]
    assert completed("fastfork serve --disp", tmp_path) == ["--dispatch"]
    assert completed("fastfork serve --log-level w", tmp_path) == ["warning"]
    assert completed("fastfork serve s", tmp_path) == ["shop", "store"]
    assert completed("fastfork restart ", tmp_path) == ["all"]


BASH = """
complete -p fastfork
COMP_WORDS=(fastfork stat)
COMP_CWORD=1
_fastfork_completion fastfork
echo "${COMPREPLY[@]}"
"""
SHELLS = {
    "bash": (["-c"], BASH),
    "zsh": (["-fc"], "whence -w _fastfork_completion"),
    "fish": (["-c"], "complete -C 'fastfork stat'"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_what_is_printed_for_it(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    words, ask = SHELLS[shell]
    script = tmp_path / "script"
    script.write_text(call("completion", shell).output)
    load = "autoload -U compinit && compinit -u -D; " if shell == "zsh" else ""

    done = subprocess.run(
        [shell, *words, f"{load}source {script}; {ask}"],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert "status" in done.stdout or "_fastfork_completion: function" in done.stdout, done.stderr

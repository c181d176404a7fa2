"""Files of settings and of variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastfork.config.files import read, variables
from fastfork.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_there_is_nothing(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.other]\nworkers = 3\n")

    assert read(None) is None


def test_ours_goes_before_the_project_and_that_before_gunicorns(folder: Path) -> None:
    seen = []
    for name, text in [
        ("gunicorn.conf.py", "workers = 1 + 1\n"),
        ("pyproject.toml", "[tool.fastfork]\nworkers = 3\n"),
        ("fastfork.toml", "workers = 4\n"),
    ]:
        (folder / name).write_text(text)
        found = read(None)
        assert found
        seen.append((found.path, dict(found.values)))

    assert seen == [
        ("gunicorn.conf.py", {"workers": 2}),
        ("pyproject.toml", {"workers": 3}),
        ("fastfork.toml", {"workers": 4}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.toml", "workers = = 3", "a.toml is not TOML: .*line 1"),
        ("a.py", "import nothing_here", "a.py failed: ModuleNotFoundError: No module"),
        ("a.py", "workers = (", "a.py failed: SyntaxError"),
    ],
)
def test_broken_file_is_told(folder: Path, name: str, text: str, told: str) -> None:
    (folder / name).write_text(text)

    with pytest.raises(ConfigError, match=told):
        read(name)


def test_missing_file_is_told(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read nowhere.toml: No such file"):
        read("nowhere.toml")


def test_variables_are_read_line_by_line(folder: Path) -> None:
    lines = ["# of the shop", "", "A=1", "export B=two words", "C='3 # 4'", "D=\"x='y'\"", "E="]
    (folder / ".env").write_text("\n".join(lines))

    assert variables(".env") == {"A": "1", "B": "two words", "C": "3 # 4", "D": "x='y'", "E": ""}


@pytest.mark.parametrize("line", ["A", "=1", "A='open"])
def test_line_that_is_no_variable_is_told_with_its_number(folder: Path, line: str) -> None:
    (folder / ".env").write_text(f"OK=1\n{line}\n")

    with pytest.raises(ConfigError, match=r"\.env, line 2: .* is not KEY=VALUE"):
        variables(".env")

"""A file that grows beyond 500 lines holds more than one concept."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = {".c", ".h", ".pyx", ".pxd", ".py", ".pyi"}


def test_no_file_is_over_500_lines() -> None:
    sources = [
        path
        for folder in ("src", "ext", "tests", "bench", "examples")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in KINDS and ".cache" not in path.parts
    ]

    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in sources}

    assert {name: length for name, length in lengths.items() if length > 500} == {}

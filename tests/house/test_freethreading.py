"""Free-threaded Python, without one: the modules declare themselves, and share nothing unguarded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BINDINGS = sorted((ROOT / "ext" / "bind").glob("*.p[yx]*"))
CONSTANT = re.compile(r"(cdef \w+ )?[A-Z][A-Z_]* = ")
# Set by the import and when a worker begins, before it has a second thread; what they lead to is atomic.
SET_ONCE = {
    "cdef ff_cells *cells = NULL",
    "cdef int memory = -1",
    "cdef uint16_t row = 0",
    "cdef uint16_t gauges = 0",
}


def at_module_level(path: Path) -> list[str]:
    """Return the lines of a binding that stand outside of classes and functions."""
    text = re.sub(r'(""").*?\1', "", path.read_text(), flags=re.DOTALL)
    return [line for line in text.splitlines() if re.match(r"\w", line)]


def test_modules_declare_that_they_need_no_gil() -> None:
    assert '"freethreading_compatible": True' in (ROOT / "setup.py").read_text()
    assert not [path.name for path in BINDINGS if "freethreading_compatible" in path.read_text()]


@pytest.mark.parametrize("path", BINDINGS, ids=lambda path: path.name)
def test_a_module_has_constants_and_no_variables(path: Path) -> None:
    lines = at_module_level(path)

    variables = [
        line
        for line in lines
        if re.match(r"\w+ *[:=]|cdef (?!class|extern|enum|struct|inline|packed)[^(]*$", line)
        and not CONSTANT.match(line)
    ]

    assert set(variables) <= SET_ONCE


@pytest.mark.parametrize("path", BINDINGS, ids=lambda path: path.name)
def test_the_constants_of_a_module_are_never_changed(path: Path) -> None:
    lines = [line for line in at_module_level(path) if CONSTANT.match(line)]
    names = [line.partition(" = ")[0].split()[-1] for line in lines]

    changed = [
        name
        for name in names
        if re.search(
            rf"\b{name}(\[[^]]*\] *[+*|-]?= |\.(append|extend|update|pop|clear|setdefault)\()",
            path.read_text(),
        )
    ]

    assert changed == []

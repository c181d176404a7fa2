"""Write what of the documentation follows from the code: make docs. With --check: only say what is stale."""

from __future__ import annotations

import sys
from pathlib import Path

import api
import settings
import waiting

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def fresh() -> dict[Path, str]:
    """Return what each file should hold."""
    return {
        DOCS / "gunicorn.md": _between("settings", DOCS / "gunicorn.md", settings.gunicorn_names()),
        DOCS / "settings.md": _between("settings", DOCS / "settings.md", settings.reference()),
        DOCS / "api.md": api.page(),
        DOCS / "deals.md": _between("waiting", DOCS / "deals.md", waiting.table()),
        ROOT / "README.md": _between("waiting", ROOT / "README.md", waiting.text()),
        **{DOCS / "_static" / name: svg for name, svg in waiting.pictures().items()},
    }


def _between(what: str, path: Path, text: str) -> str:
    """Return the text of *path* with *text* between its marks for *what*."""
    begin, end = f"<!-- {what}: written by make docs -->\n", f"<!-- end of {what} -->\n"
    head, mark, rest = path.read_text().partition(begin)
    _, end, tail = rest.partition(end)
    assert end, f"{path.name} has lost its marks"
    return f"{head}{mark}{text}{end}{tail}"


if __name__ == "__main__":
    stale = {
        path: text
        for path, text in fresh().items()
        if not path.exists() or path.read_text() != text
    }
    if sys.argv[1:] == ["--check"]:
        sys.exit(", ".join(path.name for path in stale) + " stale; run: make docs" if stale else 0)
    for path, text in stale.items():
        path.write_text(text)

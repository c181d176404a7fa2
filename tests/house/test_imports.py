"""Every module stands on its own, and what a worker imports stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"


def module_name(path: Path) -> str:
    """Return the dotted name of a .py or .pyi below src."""
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(
    {module_name(path) for kind in ("py", "pyi") for path in (SRC / "fastfork").rglob(f"*.{kind}")}
)


def fresh_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in an interpreter that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_alone(module: str) -> None:
    done = fresh_python(f"import {module}")

    assert done.returncode == 0, done.stderr


def test_package_import_brings_no_heavy_modules() -> None:
    heavy = "{'asyncio', 'click', 'logging', 'multiprocessing', 'typing_extensions'}"

    done = fresh_python(f"import sys, fastfork; print(sorted({heavy} & set(sys.modules)))")

    assert (done.stdout.strip(), done.stderr) == ("[]", "")

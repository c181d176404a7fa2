"""Wheels for every CPython on this machine: `everywhere.py build SDIST`, then `everywhere.py try`.

Building is compiling what the sdist holds, in an environment that pip makes. Trying is the smoke part of the
suite (`smoke.txt`) in an empty environment that has the wheel and pytest, far from the sources.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
NAMES = ("python3.11", "python3.12", "python3.13", "python3.14", "python3.14t")
SMOKE = ("pytest>=8.3", "pytest-timeout>=2.3")

_ASK = """
import json, os, sys, sysconfig
soabi = sysconfig.get_config_var("SOABI") or ""
fits = sys.implementation.name == "cpython" and sys.version_info >= (3, 11)
headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
print(json.dumps({"tag": soabi.split("-")[1] if fits else "", "headers": headers}))
"""


def pythons() -> dict[str, Path]:
    """Return an interpreter for each kind of wheel ("311", "314t"), the one we run in before others."""
    found: dict[str, Path] = {}
    here = Path(sys.base_prefix, "bin", "python3")
    on_path = [Path(path) for path in map(shutil.which, NAMES) if path]
    by_pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3"))
    for path in [here, *on_path, *by_pyenv]:
        done = subprocess.run([path, "-c", _ASK], capture_output=True, text=True)
        if done.returncode:  # a shim of a version that is not chosen
            continue
        about = json.loads(done.stdout)
        if about["tag"] and about["headers"]:
            found.setdefault(about["tag"], path)
    return found


def build(sdist: Path) -> None:
    """Put a wheel of *sdist* for each of them into dist/."""
    for tag, python in pythons().items():
        print(f"{tag}: {python}", flush=True)
        command = ["wheel", "--no-deps", "--quiet", "--wheel-dir", str(DIST), str(sdist)]
        _pip(python, *command)


def try_out(tag: str, python: Path, wheel: Path, tests: Sequence[str]) -> None:
    """Run *tests* against a wheel; raise CalledProcessError if they fail."""
    with tempfile.TemporaryDirectory(prefix=f"fastfork-{tag}-") as name:
        folder = Path(name)
        empty = [str(python), "-m", "venv", "--without-pip", str(folder / "venv")]
        subprocess.run(empty, check=True)
        inside = folder / "venv" / "bin" / "python"
        _pip(inside, "install", "--quiet", str(wheel), *SMOKE)
        ignored = shutil.ignore_patterns("build", "__pycache__")
        for part in ("tests", "examples"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", folder)
        where = "import fastfork; print(fastfork.__file__)"
        command = [str(inside), "-c", where]
        found = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        assert found.stdout.startswith(str(folder / "venv")), found.stdout
        pytest = [str(inside), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        subprocess.run([*pytest, *tests], cwd=folder, check=True)


def _pip(python: Path, *words: str) -> None:
    # Ours works for any interpreter, whether it has one or not.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, *words], check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})


def main() -> None:
    """Do what the command line says."""
    if sys.argv[1:2] == ["build"]:
        build(Path(sys.argv[2]))
    else:
        for tag, python in pythons().items():
            (wheel,) = DIST.glob(f"fastfork-*-cp{tag}-cp{tag}-*.whl")
            print(f"{wheel.name}: smoke", flush=True)
            try_out(tag, python, wheel, ["@tests/wheels/smoke.txt"])


if __name__ == "__main__":
    main()

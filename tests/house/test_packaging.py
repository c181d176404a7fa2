"""What is shipped: the sdist holds the sources, the wheel made from it holds what runs."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import fastfork

ROOT = Path(__file__).parents[2]
SOURCES = {".c", ".h", ".pyx", ".pxd", ".pxi", ".py", ".pyi", ".typed", ".html"}

# The C compiler runs here, for everything.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def build(kind: str, source: Path, into: Path) -> Path:
    """Return the sdist or wheel built from *source*; with the tools of this environment."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(into)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (product,) = into.iterdir()
    return product


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked sdist of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    archive = build("sdist", ROOT, folder)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built from the sdist, not from the checkout."""
    return build("wheel", sdist, tmp_path_factory.mktemp("wheel"))


def test_sdist_holds_every_source_and_no_test(sdist: Path) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for folder in ("ext", "src")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SOURCES
    }

    packed = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}

    assert wanted - packed == set()
    assert {name for name in packed if name.startswith(("tests", "bench", "build"))} == set()


def test_wheel_holds_only_what_runs_or_is_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    code = [name for name in names if ".dist-info/" not in name]

    assert {
        name for name in code if Path(name).suffix not in {".py", ".pyi", ".so", ".typed", ".html"}
    } == set()
    assert {name.split("/")[0] for name in code} == {"fastfork"}


def test_wheel_holds_a_module_for_every_binding(wheel: Path) -> None:
    modules = {
        Path(name).name.split(".")[0] for name in zipfile.ZipFile(wheel).namelist() if ".so" in name
    }

    assert modules == {path.stem for path in (ROOT / "ext" / "bind").glob("*.pyx")}


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 1_500_000


def test_wheel_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)

    done = subprocess.run(
        [scripts / "fastfork", "--version"], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert fastfork.__version__ in done.stdout

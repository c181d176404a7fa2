"""What is shipped: the sdist holds the sources, the wheel made from it holds what runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from wheels import contents, everywhere

ROOT = Path(__file__).parents[2]
SOURCES = {".c", ".h", ".pyx", ".pxd", ".pxi", *contents.SUFFIXES} - {".so"}

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


def test_wheel_is_small_holds_only_what_runs_or_is_typed_and_exports_nothing(wheel: Path) -> None:
    assert contents.faults(wheel) == []


def test_sources_name_only_the_documented_api_of_python() -> None:
    private = re.compile(r"\b_Py\w+")

    found = {
        path.name: names
        for path in (ROOT / "ext").rglob("*.*")
        if (names := private.findall(path.read_text()))
    }

    assert found == {}


def test_wheel_holds_a_module_for_every_binding(wheel: Path) -> None:
    modules = {
        Path(name).name.split(".")[0] for name in zipfile.ZipFile(wheel).namelist() if ".so" in name
    }

    assert modules == {path.stem for path in (ROOT / "ext" / "bind").glob("*.pyx")}


def test_wheel_serves_far_from_its_sources(wheel: Path) -> None:
    tests = [
        "tests/native/test_wsgi_answers.py",
        "tests/native/test_asgi_answers.py",
        "tests/process/test_counters.py",
    ]

    everywhere.try_out("test", Path(sys.executable), wheel, tests)


def test_the_smoke_tests_exist() -> None:
    listed = (ROOT / "tests" / "wheels" / "smoke.txt").read_text().split()

    assert [name for name in listed if not (ROOT / name).exists()] == []

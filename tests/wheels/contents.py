"""What a wheel may hold: `python tests/wheels/contents.py WHEEL...` says what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LARGEST = 1_500_000
SUFFIXES = {".py", ".pyi", ".so", ".typed", ".html"}
LIBRARIES = {"libc", "libpthread", "libm", "ld-linux-x86-64", "ld-linux-aarch64"}


def faults(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel, a sentence each."""
    octets = wheel.stat().st_size
    found = [f"has {octets} octets, {LARGEST} or more"] if octets >= LARGEST else []
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as packed:
        for name in packed.namelist():
            if ".dist-info/" in name:
                continue
            if Path(name).suffix not in SUFFIXES or not name.startswith("fastfork/"):
                found.append(f"holds {name}, which nobody needs to run it")
            elif name.endswith(".so"):
                found += _faults_of_module(Path(packed.extract(name, folder)))
    return found


def _faults_of_module(module: Path) -> list[str]:
    # One thing is exported, so two modules with the same core in them never meet.
    exported = _lines("nm", "--dynamic", "--defined-only", "--format=posix", str(module))
    names = {line.split()[0] for line in exported}
    needed = {
        line.rpartition("[")[2].partition(".so")[0].partition(".musl")[0]
        for line in _lines("readelf", "--dynamic", "--wide", str(module))
        if "(NEEDED)" in line
    }
    sections = _lines("readelf", "--sections", "--wide", str(module))
    return [
        *(
            f"{module.name} exports {name}"
            for name in sorted(names ^ {f"PyInit_{module.name.partition('.')[0]}"})
        ),
        *(f"{module.name} needs {name}" for name in sorted(needed - LIBRARIES)),
        *(
            [f"{module.name} has debug information"]
            if any(".debug_" in x for x in sections)
            else []
        ),
    ]


def _lines(*command: str) -> list[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


if __name__ == "__main__":
    told = [f"{wheel}: {fault}" for wheel in sys.argv[1:] for fault in faults(Path(wheel))]
    print("\n".join(told or [f"{wheel}: as it should be" for wheel in sys.argv[1:]]))
    sys.exit(bool(told) or len(sys.argv) < 2)

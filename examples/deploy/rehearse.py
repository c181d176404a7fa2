"""The steps of the Dockerfile without Docker: python -m examples.deploy.rehearse FOLDER [8000=8001 ...]

What the Dockerfile puts below /opt comes below FOLDER, which should be empty; its RUN lines get an empty
environment. At the end the server runs in the foreground, as the container would, on other ports if they are
given. Images, users and limits are Docker's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCKERFILE = Path(__file__).parent / "Dockerfile"

LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.so", "tests", "bench")


class Step(NamedTuple):
    """A line of a Dockerfile."""

    word: str
    rest: str


def steps() -> list[Step]:
    """Return the steps of the Dockerfile."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and line[0] != "#"]
    return [Step(*line.split(maxsplit=1)) for line in lines]


def command_of(word: str) -> list[str]:
    """Return the words of the last CMD, or of the HEALTHCHECK."""
    (*_, rest) = (step.rest for step in steps() if step.word == word)
    command: list[str] = json.loads(rest[rest.index("[") :])
    return command


def build(folder: Path) -> None:
    """Do what builds the image, below *folder*."""
    python = Path(sys.executable).resolve().parent
    env = {"PATH": f"{python}:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    env |= {name: os.environ[name] for name in ("CC", "PIP_INDEX_URL") if name in os.environ}
    for word, rest in steps():
        if word == "RUN" and "useradd" not in rest:
            print(f"RUN {rest}", flush=True)
            subprocess.run(["sh", "-ec", below(folder, rest)], env=env, cwd=folder, check=True)
        elif word == "COPY" and not rest.startswith("--from"):
            source, target = rest.split()
            print(f"COPY {rest}", flush=True)
            _copy(ROOT / source, Path(below(folder, target)))


def serve(folder: Path, ports: dict[str, str]) -> None:
    """Become the server, with other *ports*; does not return."""
    os.chdir(below(folder, "/opt/shop/app"))
    (path,) = (step.rest for step in steps() if step.word == "ENV")
    name, _, value = below(folder, path).partition("=")
    command = command_of("CMD")
    for port, other in ports.items():
        command = [word.replace(f":{port}", f":{other}") for word in command]
    os.execvpe(command[0], command, {name: value, "HOME": str(folder), "LANG": "C.UTF-8"})


def below(folder: Path, text: str) -> str:
    """Return *text* with paths below /opt put below *folder*."""
    return re.sub(r"/opt/", f"{folder}/", text)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=LEFT_OUT)
    else:
        shutil.copy(source, target)


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    build(place)
    # The shell's PATH is not the container's: look for the program where that has it.
    os.environ["PATH"] = f"{place}/shop/bin"
    serve(place, dict(pair.split("=") for pair in sys.argv[2:]))

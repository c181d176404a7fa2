"""What a request costs in things that can be counted, so that a noisy machine counts the same.

Each function returns figures by what they are of, and says for which surroundings they hold: what was
compiled by another compiler has other instructions, another Python allocates other objects. `Missing` says
why something can't be counted here.
"""

from __future__ import annotations

import os
import platform
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rig import Rig

HERE = Path(__file__).parent
CORE = HERE.parents[1] / "ext" / "core"
UNITS = ("http_body", "http_field", "http_request", "http_response", "http_target")
FLAGS = ("-std=c11", "-D_GNU_SOURCE=", "-O3", "-fno-strict-aliasing", "-fvisibility=hidden")
"""As setup.py has them."""

CODEC = ("a hello head", "a browser's head", "an answer", "4 chunks", "a deal of 8", "a frame")
ROUNDS = 1000
"""The kinds of codec.c in their order, and how often it does each."""

BASELINE = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load"
"""glibc copies memory as the oldest machine would."""

BATCH = 64
"""Requests that are there when the worker looks."""

TRIES = 3

BY_CHANCE = {
    "worker": {"epoll_wait", "recvmsg", "write"},
    "master": {"epoll_wait", "epoll_ctl", "accept4", "sendmsg", "read", "write"},
}
"""Calls for several connections at once, and those that wake or ring: how many depends on who runs when."""

IDLE = 2000

Counts = tuple[str, dict[str, float]]
"""For which surroundings they hold ("any": all), and the figures."""


class Missing(Exception):
    """Something that is needed is not on this machine."""


def compiler() -> list[str]:
    """Return the words that compile; Missing without a compiler."""
    words = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(words[0]):
        raise Missing(f"no {words[0]}: set CC to a C compiler")
    return words


def _needs(program: str) -> None:
    if not shutil.which(program):
        raise Missing(f"no {program} (Debian: apt install {program})")


def _build(out: Path, *words: str) -> None:
    done = subprocess.run([*compiler(), *words, "-o", str(out)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{out.name} does not compile: {done.stderr[-500:]}")


def made_by() -> str:
    """Say what decides how many instructions the same source has."""
    said = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=True)
    first = said.stdout.splitlines()[0]
    version = re.findall(r"\d+\.\d+(?:\.\d+)?", first)
    name = "clang" if "clang" in first else "gcc"
    return f"{name} {version[-1]}, {platform.machine()}, {' '.join(platform.libc_ver())}"


def instructions(core: Path = CORE) -> Counts:
    """Instructions of the codec for each request, by callgrind."""
    return made_by(), by_callgrind("codec", CODEC, core)


def by_callgrind(program: str, kinds: Sequence[str], core: Path = CORE) -> dict[str, float]:
    """Instructions of each of a program's *kinds*, which has them in this order, ROUNDS times each."""
    _needs("valgrind")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        units = [str(core / f"{name}.c") for name in (*UNITS, "buffer", "balance", "frame")]
        _build(folder / program, *FLAGS, f"-I{core}", str(HERE / f"{program}.c"), *units)
        out = [f"--callgrind-out-file={folder}/out", "--dump-before=next_kind"]
        done = subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", *out, str(folder / program)],
            env=os.environ | {"GLIBC_TUNABLES": BASELINE},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Missing(f"valgrind does not run it: {done.stderr.strip()[-200:]}")
        found = {}
        for number, kind in enumerate(kinds):  # what lies between two kinds has dumps of its own
            text = (folder / f"out.{2 * number + 2}").read_text()
            found[kind] = int(re.findall(r"^totals: (\d+)", text, re.MULTILINE)[0]) / ROUNDS
    return found


def syscalls() -> Counts:
    """System calls for each request, by strace; of kept connections, and of new ones."""
    _needs("strace")
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True)
    if probe.returncode:
        raise Missing(f"strace may not trace here: {probe.stderr.strip()[-200:]}")
    found = _kept()
    few, many = _fresh(1), _fresh(3)
    for who in BY_CHANCE:  # to a tenth of each call: the last few depend on who runs when, too
        differ = {name: many[who][name] - few[who][name] for name in many[who]}
        each = sum(round(count / (2 * BATCH), 1) for count in differ.values())
        found[f"new connection, {who}"] = each
    return "any", found


def _calls(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if not line.startswith(("---", "+++"))]


def _kept(batches: int = 3) -> dict[str, float]:
    # All calls between two looks: also that of the gate, whose own two don't count.
    with tempfile.TemporaryDirectory() as folder:
        with Rig(["strace", "-ff", "-o", f"{folder}/log"]) as rig:
            gate, *others = connections = rig.connect(1 + BATCH)
            rig.freeze_hot(connections)
            for _ in range(batches):
                rig.ask_at_once(gate, others)
            rig.thaw()
            for connection in connections:
                connection.close()
        lines = _calls(Path(folder) / f"log.{rig.worker}")
    opened = [at for at, line in enumerate(lines) if line.startswith("read(") and '"!"' in line]
    calls = opened[-1] - opened[-2] - 2
    return {"kept connection": calls / (BATCH + 1)}


def _fresh(batches: int) -> dict[str, Counter[str]]:
    tries = [_fresh_once(batches) for _ in range(TRIES)]
    least: dict[str, Counter[str]] = {}
    for who, by_chance in BY_CHANCE.items():  # on a busy machine more is done, never less
        names = set(tries[0][who]) - by_chance
        least[who] = Counter({name: min(one[who][name] for one in tries) for name in names})
    return least


def _fresh_once(batches: int) -> dict[str, Counter[str]]:
    # The requests are there before the master looks, so nobody looks twice for one.
    with tempfile.TemporaryDirectory() as folder:
        with Rig(["strace", "-ff", "-o", f"{folder}/log"]) as rig:
            for _ in range(batches):
                rig.freeze()
                fresh = rig.say_on_new(BATCH)
                rig.thaw()
                for connection in fresh:
                    connection.receive()
                    connection.close()
        return {
            who: Counter(line.split("(")[0] for line in _calls(Path(folder) / f"log.{pid}"))
            for who, pid in (("worker", rig.worker), ("master", rig.master))
        }


def allocations() -> Counts:
    """Allocations for each request: objects of Python's, and what asks the C library for memory."""
    with tempfile.TemporaryDirectory() as folder:
        shim = Path(folder) / "counter.so"
        _build(shim, "-O2", "-shared", "-fPIC", str(HERE / "counter.c"))
        found = {}
        for label, how in (("all", "malloc"), ("of the C library", "pymalloc")):
            with Rig(env={"LD_PRELOAD": str(shim), "PYTHONMALLOC": how}) as rig:
                found[label] = _allocated(rig)
    return python(), found


def python() -> str:
    """Say what decides how many objects the same code makes."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"


def _allocated(rig: Rig, few: int = 100, many: int = 1100) -> float:
    connection = rig.connect(1)[0]

    def during(requests: int) -> int:
        ask = b"GET /count HTTP/1.1\r\nHost: bench\r\n\r\n"
        before = int(connection.ask(ask))
        for _ in range(requests):
            connection.ask()
        return int(connection.ask(ask)) - before

    during(few)  # what is made once
    figure = (during(many) - during(few)) / (many - few)
    connection.close()
    return figure


def memory() -> Counts:
    """Bytes that the master and the worker grow by for each connection that is idle and hot."""
    needed = 2 * IDLE + 300
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < needed:
        raise Missing(f"only {hard} descriptors are allowed (ulimit -Hn), {needed} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return f"{python()}, pages of {resource.getpagesize()}", {"idle connection": _grown()}


def _grown() -> float:
    with Rig() as rig:
        idle = rig.connect(IDLE)  # the first ones fill what there was
        before = rig.memory_bytes()
        idle += rig.connect(IDLE)
        grown = rig.memory_bytes() - before
        for connection in idle:
            connection.close()
    return grown / IDLE


KINDS: dict[str, tuple[Callable[[], Counts], str]] = {
    "instructions": (instructions, "instructions"),
    "syscalls": (syscalls, "system calls"),
    "allocations": (allocations, "allocations"),
    "memory": (memory, "bytes"),
}
"""How each kind is counted, and what one of it is called."""

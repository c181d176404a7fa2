"""What `fastfork doctor` says of a machine: facts in, findings out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from fastfork.errors import FastforkError
from fastfork.supervisor.binds import TcpBind
from fastfork.supervisor.limits import check_lanes, connection_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastfork.settings import Settings
    from fastfork.supervisor.binds import Bind

_LITTLE = 64 << 20
"""Octets for a worker below which few applications run."""

EXTRAS = {
    "uvloop": ("standard", "a faster event loop for ASGI"),
    "websockets": ("standard", "WebSockets"),
    "redis": ("redis", "the bus and counters of several servers"),
    "watchfiles": ("reload", "reloading when files change"),
}


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, and how it is."""

    what: str
    grade: Literal["ok", "note", "bad"]
    said: str
    remedy: str = ""
    """A command or a setting that helps; "" where nothing has to be done."""


def python(version: str, *, has_gil: bool) -> Finding:
    """Judge the interpreter."""
    if has_gil:
        return Finding("python", "ok", f"CPython {version}")
    said = f"CPython {version} without a GIL, on which fastfork was built but never run"
    return Finding("python", "note", said, "take the ordinary build for what has to work")


def kernel(release: str, refusal: str | None) -> Finding:
    """Judge the kernel; *refusal* is why a server would not start."""
    if refusal is None:
        return Finding("kernel", "ok", f"Linux {release}")
    return Finding("kernel", "bad", refusal, "take a newer kernel, or another container engine")


def cores(usable: int, settings: Settings) -> Finding:
    """Judge the number of workers by the cores that this process may use."""
    if not isinstance(settings.workers, int):
        return Finding("cores", "ok", f"{usable} may be used; as many workers will be started")
    said = f"{usable} may be used, for {settings.workers} workers"
    if settings.workers > 4 * usable:
        return Finding("cores", "note", said, f"--workers {2 * usable} at most, or more --threads")
    return Finding("cores", "ok", said)


def memory(limit: int, *, workers: int) -> Finding:
    """Judge the octets that all processes together may have."""
    each = limit // (workers + 1)
    said = f"{limit >> 20} MiB, {each >> 20} MiB for each of {workers} workers and the master"
    if each < _LITTLE:
        return Finding("memory", "note", said, "fewer --workers, more memory, or --max-memory")
    return Finding("memory", "ok", said)


def processes(limit: int | None, *, workers: int, threads: int) -> Finding:
    """Judge how many processes and threads there may be."""
    needed = 2 * workers * (threads + 2) + 8  # twice: a reload has two generations for a while
    if limit is None or limit >= needed:
        return Finding("processes", "ok", "no limit" if limit is None else f"{limit} at most")
    said = f"{limit} processes and threads at most, where {needed} may be needed"
    return Finding(
        "processes", "bad", said, "ulimit -u, TasksMax= in systemd, --pids-limit in Docker"
    )


def open_files(hard: int, settings: Settings, *, workers: int) -> Finding:
    """Judge the hard limit of open files by the connections that are to be held."""
    asked, threads = settings.max_connections, settings.threads
    try:
        check_lanes(workers=workers, threads=threads)
        held = connection_limit(asked, open_files=hard, lanes=(workers + 1) * threads)
    except FastforkError as error:
        return Finding("open files", "bad", *_halves(str(error)))
    if asked is None and held < 4096:
        said = f"{hard} at most, which is enough for {held} connections"
        return Finding("open files", "note", said, "ulimit -Hn 65536, LimitNOFILE= in systemd")
    return Finding("open files", "ok", f"enough for {held} connections")


def backlog(wanted: int, limits: Mapping[str, int]) -> Finding:
    """Judge the kernel's queues, by name of the setting, by the `--backlog` that is *wanted*."""
    short = {name: value for name, value in limits.items() if value < wanted}
    if not short:
        return Finding("backlog", "ok", f"{wanted} connections may wait in the kernel")
    said = ", ".join(f"{name} is {value}" for name, value in short.items())
    remedy = "; ".join(f"sysctl -w {name}={wanted}" for name in short)
    return Finding("backlog", "note", f"{said}, less than the {wanted} of --backlog", remedy)


def address(bind: Bind, refusal: str | None, *, owners: Iterable[str] = ()) -> Finding:
    """Judge an address; *refusal* is why nobody can listen there, *owners* are who does."""
    what = str(bind)
    if refusal is None:
        return Finding(what, "ok", "free")
    if known := ", ".join(owners):
        other = "--bind another port" if isinstance(bind, TcpBind) else "--bind another path"
        return Finding(what, "bad", f"in use by {known}", f"stop it, or {other}")
    return Finding(what, "bad", *_halves(refusal))


def control(why: str | None, folder: str) -> Finding:
    """Judge the folder of the control socket; *why* it can't be had."""
    if why is None:
        return Finding("control socket", "ok", f"in {folder}")
    said = f"{folder}: {why}; `fastfork status` and its like would find no server"
    return Finding("control socket", "note", said, "set XDG_RUNTIME_DIR, or --control-socket")


def extras(missing: Iterable[str], settings: Settings) -> list[Finding]:
    """Judge the packages that are not installed; those that *settings* need are bad."""
    needed = set()
    if settings.loop == "uvloop":
        needed.add("uvloop")
    if settings.bus != "local":
        needed.add("redis")
    if settings.reload:
        needed.add("watchfiles")
    found = []
    for name in missing:
        extra, use = EXTRAS[name]
        grade: Literal["bad", "note"] = "bad" if name in needed else "note"
        said = f"not installed: {use}" + (
            ", which these settings ask for" if name in needed else ""
        )
        found.append(Finding(name, grade, said, f"pip install 'fastfork[{extra}]'"))
    return found


def _halves(message: str) -> tuple[str, str]:
    said, _, remedy = message.partition("; ")
    return said, remedy

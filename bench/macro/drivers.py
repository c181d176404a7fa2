"""One driver for each server: how it is installed, started at its best, and what it can be asked.

"At its best" is what its own documentation recommends for a server that is measured; each driver says it in
`how`. All run the same application file, with no access log, on the port and the cores of our choice.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
PEERS = CACHE / "venv" / "bin"
NODE = CACHE / "node_modules"
FLOOR, LOAD, QUEUE = CACHE / "floor", CACHE / "load", CACHE / "queue"

PYTHON_PACKAGES = (
    *("gunicorn", "gunicorn_h1c", "granian", "uvicorn[standard]", "bjoern", "fastpysgi"),
    *("freastal", "uwsgi", "flask", "django", "fastapi"),
)
ABSENT = CACHE / "absent.txt"
"""What did not install, and why: one line each."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a server is started for."""

    port: int
    app: str = "hello"
    """A name in apps.py; of ASGI, with _asgi behind it."""
    workers: int = 1
    threads: int = 1
    websockets: bool = False


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A server."""

    name: str
    kind: str
    """What it serves: wsgi, asgi, or its own: a hello (floor, node)."""
    command: Callable[[Job], list[str]]
    version: Callable[[], str]
    how: str
    most_workers: int = 1000
    is_threaded: bool = False
    """Can run several WSGI requests in threads of one worker."""
    restarts: bool = True
    """Replaces a worker that died."""
    websockets: bool = True
    is_variant: bool = False
    """Stands only where a scenario asks for it."""
    warm: float = 0.3
    """Seconds of load that it needs before it is at its best."""
    apps: tuple[str, ...] | None = None
    """What it can be asked; None: anything of its kind."""

    def can(self, app: str, *, kind: str, workers: int = 1, threads: int = 1) -> bool:
        """Whether it serves *app* in this shape."""
        if self.apps is not None:
            return app in self.apps and workers <= self.most_workers and threads == 1
        fits = kind == self.kind and workers <= self.most_workers
        return fits and (threads == 1 or self.is_threaded)


def _dist(package: str) -> Callable[[], str]:
    def version() -> str:
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        return _said([f"{PEERS}/python", "-c", code])

    return version


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "?"


def _fastfork_version() -> str:
    import fastfork

    return fastfork.__version__


def _fastfork(job: Job, *, app: str) -> list[str]:
    where = ["-b", f"127.0.0.1:{job.port}", "-w", str(job.workers)]
    threads = ["--threads", str(job.threads)] if job.threads > 1 else []
    many = ["--worker-connections", "20000"] if job.websockets else []
    return [sys.executable, "-m", "fastfork", "serve", *where, *threads, *many, app]


def _logged(*options: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        return [
            *_fastfork(job, app=f"apps:{job.app}"),
            "--access-logfile",
            str(CACHE / "log"),
            *options,
        ]

    return command


def _gunicorn(kind: str, *options: str, suffix: str = "") -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        where = ["-b", f"127.0.0.1:{job.port}", "-w", str(job.workers), "-k", kind]
        threads = ["--threads", str(max(2, job.threads))] if kind == "gthread" else []
        fixed = ["--keep-alive=75", "--worker-connections=20000", "--log-level=error", *options]
        return [f"{PEERS}/gunicorn", *where, *threads, *fixed, f"apps:{job.app}{suffix}"]

    return command


def _granian_wsgi(job: Job) -> list[str]:
    lean = [*GRANIAN, "--interface", "wsgi", "--no-ws"]
    size = ["--workers", str(job.workers), "--blocking-threads", str(job.threads)]
    return [f"{PEERS}/granian", *lean, "--port", str(job.port), *size, f"apps:{job.app}"]


def _granian_asgi(job: Job) -> list[str]:
    lean = [*GRANIAN, "--interface", "asgi", "--loop", "uvloop"]
    size = ["--workers", str(job.workers), *([] if job.websockets else ["--no-ws"])]
    return [f"{PEERS}/granian", *lean, "--port", str(job.port), *size, f"apps:{job.app}_asgi"]


def _uvicorn(job: Job) -> list[str]:
    lean = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error"]
    size = ["--workers", str(job.workers), "--timeout-keep-alive", "75"]
    return [f"{PEERS}/uvicorn", *lean, "--port", str(job.port), *size, f"apps:{job.app}_asgi"]


def _uwsgi(way: str, *options: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        size = ["--master", "--processes", str(job.workers), "--threads", str(job.threads)]
        lean = ["--disable-logging", "--die-on-term", "--listen", "128", *options]
        where = [way, f"127.0.0.1:{job.port}"]
        load = ["--eval", f"import apps; application = apps.{job.app}"]
        return [f"{PEERS}/uwsgi", *where, *size, *lean, *load]

    return command


def _in_python(code: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        text = code.format(port=job.port, app=job.app, workers=job.workers)
        return [f"{PEERS}/python", "-c", text]

    return command


def _pm2(job: Job) -> list[str]:
    size = ["-i", str(job.workers), "--no-daemon", "--name", f"bench-{job.port}"]
    pm2 = str(NODE / ".bin" / "pm2")
    env = ["env", f"PM2_HOME={CACHE / f'pm2-{job.port}'}"]
    return [
        *env,
        pm2,
        "start",
        str(HERE / "hello.js"),
        *size,
        "--",
        str(job.port),
        str(job.workers),
    ]


GRANIAN = ("--http=1", "--log-level=error", "--respawn-failed-workers", "--backpressure=16384")
BJOERN = "import apps, bjoern; bjoern.run(apps.{app}, '127.0.0.1', {port})"
FREASTAL = "import apps, freastal; freastal.serve(apps.{app}, '127.0.0.1', {port})"
FREASTAL_ASGI = "import apps, freastal; freastal.serve_asgi(apps.{app}_asgi, '127.0.0.1', {port})"
FASTPYSGI = (
    "import apps, fastpysgi as f; f.server.backlog = 4096; f.server.tcp_nodelay = 1;"
    "f.run(apps.{app}, '127.0.0.1', {port}, loglevel=2, workers={workers})"
)
FASTPYSGI_ASGI = FASTPYSGI.replace("{app}", "{app}_asgi")
HELLO = ("hello",)

DRIVERS = {
    driver.name: driver
    for driver in (
        Driver(
            name="floor",
            kind="hello",
            command=lambda job: [str(FLOOR), str(job.port)],
            version=lambda: "C",
            how="a bare epoll loop in C with a constant answer: the least that is possible here",
            apps=HELLO,
            most_workers=1,
            restarts=False,
            warm=0.1,
        ),
        Driver(
            name="floor-one-packet",
            kind="hello",
            command=lambda job: [str(FLOOR), str(job.port), "one-packet"],
            version=lambda: "C",
            how="the same; the last answer leaves with the FIN, as fastfork's does",
            apps=HELLO,
            most_workers=1,
            is_variant=True,
        ),
        Driver(
            name="floor-queue",
            kind="hello",
            command=lambda job: [str(QUEUE), str(job.port), str(job.workers * job.threads)],
            version=lambda: "C",
            how="one queue before threads in C: what this machine and the client allow of the ideal",
            apps=("work",),
            is_variant=True,
        ),
        Driver(
            name="fastfork-access-log",
            kind="wsgi",
            command=_logged(),
            version=_fastfork_version,
            how="with an access log",
            is_variant=True,
        ),
        Driver(
            name="fastfork-access-json",
            kind="wsgi",
            command=_logged("--access-log-format", "json"),
            version=_fastfork_version,
            how="with an access log of JSON",
            is_variant=True,
        ),
        Driver(
            name="fastfork",
            kind="wsgi",
            command=lambda job: _fastfork(job, app=f"apps:{job.app}"),
            version=_fastfork_version,
            how="as it is",
            is_threaded=True,
        ),
        Driver(
            name="fastfork-asgi",
            kind="asgi",
            command=lambda job: _fastfork(job, app=f"apps:{job.app}_asgi"),
            version=_fastfork_version,
            how="uvloop (fastfork[standard])",
        ),
        Driver(
            name="gunicorn-sync",
            kind="wsgi",
            command=_gunicorn("sync"),
            version=_dist("gunicorn"),
            how="the default worker; it never keeps a connection",
        ),
        Driver(
            name="gunicorn-gthread",
            kind="wsgi",
            command=_gunicorn("gthread"),
            version=_dist("gunicorn"),
            how="the worker that keeps connections, 2 threads at least; the C parser if installed",
            is_threaded=True,
        ),
        Driver(
            name="gunicorn-asgi",
            kind="asgi",
            command=_gunicorn("asgi", suffix="_asgi"),
            version=_dist("gunicorn"),
            how="its own ASGI worker; the C parser if gunicorn_h1c is installed",
        ),
        Driver(
            name="granian",
            kind="wsgi",
            command=_granian_wsgi,
            version=_dist("granian"),
            how="HTTP/1 only, no WebSockets, as many blocking threads as asked for, dead workers replaced",
            is_threaded=True,
        ),
        Driver(
            name="granian-asgi",
            kind="asgi",
            command=_granian_asgi,
            version=_dist("granian"),
            how="HTTP/1 only, uvloop, dead workers replaced",
        ),
        Driver(
            name="uvicorn",
            kind="asgi",
            command=_uvicorn,
            version=_dist("uvicorn"),
            how="uvloop, httptools, no access log; one worker has no supervisor",
            restarts=False,
        ),
        Driver(
            name="bjoern",
            kind="wsgi",
            command=_in_python(BJOERN),
            version=_dist("bjoern"),
            how="one process",
            most_workers=1,
            restarts=False,
        ),
        Driver(
            name="fastpysgi",
            kind="wsgi",
            command=_in_python(FASTPYSGI),
            version=_dist("fastpysgi"),
            how="a large backlog, TCP_NODELAY",
            restarts=False,
        ),
        Driver(
            name="fastpysgi-asgi",
            kind="asgi",
            command=_in_python(FASTPYSGI_ASGI),
            version=_dist("fastpysgi"),
            how="a large backlog, TCP_NODELAY",
            restarts=False,
            websockets=False,
        ),
        Driver(
            name="freastal",
            kind="wsgi",
            command=_in_python(FREASTAL),
            version=_dist("freastal"),
            how="one process",
            most_workers=1,
            restarts=False,
        ),
        Driver(
            name="freastal-asgi",
            kind="asgi",
            command=_in_python(FREASTAL_ASGI),
            version=_dist("freastal"),
            how="one process",
            most_workers=1,
            restarts=False,
            websockets=False,
        ),
        Driver(
            name="uwsgi",
            kind="wsgi",
            command=_uwsgi("--http11-socket"),
            version=_dist("uwsgi"),
            how="http11-socket: its own workers keep connections, each one at a time",
            is_threaded=True,
        ),
        Driver(
            name="uwsgi-router",
            kind="wsgi",
            command=_uwsgi("--http", "--http-keepalive"),
            version=_dist("uwsgi"),
            how="a process of its own before the workers keeps the connections",
            is_threaded=True,
        ),
        Driver(
            name="node-cluster",
            kind="hello",
            command=lambda job: ["node", str(HERE / "hello.js"), str(job.port), str(job.workers)],
            version=lambda: _said(["node", "--version"]),
            how="node:cluster, round robin, keep-alive as long as the run",
            apps=HELLO,
            websockets=False,
            warm=1.5,
        ),
        Driver(
            name="pm2",
            kind="hello",
            command=_pm2,
            version=lambda: str(json.loads((NODE / "pm2" / "package.json").read_text())["version"]),
            how="cluster mode",
            apps=HELLO,
            websockets=False,
            warm=1.5,
        ),
    )
}


def prepare() -> dict[str, str]:
    """Compile the C programs and install the peers once; return what does not install, and why."""
    CACHE.mkdir(exist_ok=True)
    flags = ["-std=c11", "-O3", "-Wall", "-Wextra"]
    (CACHE / "1mb").write_bytes(b"x" * (1 << 20))  # what apps.file sends
    for out in (FLOOR, LOAD, QUEUE):
        source = HERE / f"{out.name}.c"
        if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", *flags, "-o", str(out), str(source), "-lm"], check=True)
    if not ABSENT.exists():
        _install()
    return dict(line.split("\t", 1) for line in ABSENT.read_text().splitlines())


def _install() -> None:
    absent = {}
    if not PEERS.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "venv")], check=True)
    for package in PYTHON_PACKAGES:
        print(f"installing {package} ...", flush=True)
        done = subprocess.run(
            [f"{PEERS}/pip", "install", "-q", package], capture_output=True, text=True
        )
        if done.returncode:  # bjoern needs the headers of libev (Debian: libev-dev)
            absent[package.split("[")[0]] = (done.stderr.strip().splitlines() or ["?"])[-1]
    if shutil.which("npm"):
        print("installing pm2 ...", flush=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(CACHE)]
        done = subprocess.run([*npm, "pm2"], capture_output=True, text=True)
        if done.returncode:
            absent["pm2"] = (done.stderr.strip().splitlines() or ["npm failed"])[-1]
    else:
        absent["pm2"] = "no npm"
    if not shutil.which("node"):
        absent["node-cluster"] = "no node"
    ABSENT.write_text("".join(f"{name}\t{why}\n" for name, why in absent.items()))

"""The whole stack with one command: python -m examples.job_portal.stack

It starts MariaDB, Redis, fastfork and nginx, each on a place of its own, so that nothing else on the machine
is touched; stops them in the other order at Ctrl-C; and ends when one of them does. It needs, from Debian,
nginx-light, redis-server and mariadb-server, and from pip what stands in requirements.txt.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = __package__ or "job_portal"

WITHIN = 60.0
"""Seconds that each part gets to start; MariaDB writes its tables first."""


class Missing(Exception):
    """A part is not there, or did not start; the message says what to do."""


class Stack:
    """The parts that run, and where they keep what they have."""

    def __init__(
        self, folder: Path, *, port: int, workers: int, connections: int, samples: bool
    ) -> None:
        self.folder = folder.resolve()
        free = _free_ports(3)
        self.port = port or free[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = self.folder / "portal.socket"
        self.database_port, self.redis_port = free[1:]
        self._workers = workers
        self._connections = connections
        self._samples = samples
        self._parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all of it; each part when those that it needs answer. Raises Missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        url = self._start_database()
        self._start_redis()
        self._start_server(url)
        self._start_nginx()

    def pid_of(self, part: str) -> int:
        """Return the process of a part: database, redis, server or nginx."""
        return self._parts[part].pid

    def log_of(self, part: str) -> str:
        """Return what a part has said."""
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def wait(self) -> str:
        """Return the name of the first part that ends."""
        while True:
            for part, process in self._parts.items():
                if process.poll() is not None:
                    return part
            time.sleep(0.2)

    def stop(self) -> dict[str, int]:
        """Stop all of it, nginx first; return what each part ended with."""
        codes = {}
        for part in reversed(self._parts):
            process = self._parts[part]
            if process.poll() is None:
                # QUIT lets nginx finish what it has begun, TERM all others.
                process.send_signal(signal.SIGQUIT if part == "nginx" else signal.SIGTERM)
            try:
                codes[part] = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[part] = process.wait()
        return codes

    def _start_database(self) -> str:
        server = _program("mariadbd", "mariadb-server")
        data, me = self.folder / "database", getpass.getuser()
        if not (data / "mysql").exists():
            install = [_program("mariadb-install-db", "mariadb-server"), "--no-defaults"]
            install += [f"--datadir={data}", f"--user={me}", "--skip-test-db"]
            install += ["--auth-root-authentication-method=normal"]
            with (self.folder / "database.log").open("ab") as log:
                if subprocess.run(install, stdout=log, stderr=log, check=False).returncode:
                    raise Missing(f"MariaDB made no tables: see {log.name}")
        password = secrets.token_hex(16)
        orders = self.folder / "database.sql"
        orders.touch(mode=0o600)
        orders.write_text(
            "CREATE DATABASE IF NOT EXISTS portal CHARACTER SET utf8mb4;\n"
            f"CREATE OR REPLACE USER portal@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON portal.* TO portal@'127.0.0.1';\n"
        )
        command = [server, "--no-defaults", f"--datadir={data}", f"--user={me}"]
        command += [f"--socket={self.folder / 'database.socket'}", "--skip-name-resolve"]
        command += ["--bind-address=127.0.0.1", f"--port={self.database_port}"]
        # As many as the workers may have: who opens more is refused. (One more is for root.)
        command += [f"--max-connections={self._connections}", f"--init-file={orders}"]
        command += [f"--pid-file={self.folder / 'database.pid'}", "--innodb-buffer-pool-size=32M"]
        self._run("database", command, is_up=lambda: _answers(self.database_port))
        return f"mysql+pymysql://portal:{password}@127.0.0.1:{self.database_port}/portal"

    def _start_redis(self) -> None:
        server = _program("redis-server", "redis-server")
        command = [server, "--bind", "127.0.0.1", "--port", str(self.redis_port)]
        # Sessions matter: they are on disk within a second.
        command += ["--dir", str(self.folder), "--appendonly", "yes", "--save", ""]
        self._run("redis", command, is_up=lambda: _answers(self.redis_port))

    def _start_server(self, database: str) -> None:
        redis = f"redis://127.0.0.1:{self.redis_port}"
        command = [sys.executable, "-m", "fastfork", "serve", f"{PACKAGE}.app:app"]
        command += ["--chdir", str(HERE.parents[PACKAGE.count(".")])]
        command += ["-w", str(self._workers), "--bind", f"unix:{self.socket}"]
        command += ["--forwarded-allow-ips", "unix", "--bus", f"{redis}/1"]
        command += ["--control-socket", str(self.folder / "control.socket")]
        self._run(
            "server",
            command,
            is_up=lambda: "Listening at" in self.log_of("server"),
            PORTAL_DATABASE=database,
            PORTAL_REDIS=f"{redis}/0",
            PORTAL_CONNECTIONS=str(self._connections),
            PORTAL_SAMPLES="yes" if self._samples else "no",
        )

    def _start_nginx(self) -> None:
        server = _program("nginx", "nginx-light")
        text = (HERE / "nginx.conf").read_text()
        for name, value in {
            # As root it would become nobody, who may not use the socket.
            "user": f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
            "folder": str(self.folder),
            "listen": f"127.0.0.1:{self.port}",
            "static": str(HERE / "static"),
            "mime": "/etc/nginx/mime.types",
        }.items():
            text = text.replace(f"@{name}@", value)
        (self.folder / "nginx.conf").write_text(text)
        command = [server, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]
        command += ["-e", str(self.folder / "nginx.log"), "-g", "daemon off;"]
        self._run("nginx", command, is_up=lambda: _answers(self.port))

    def _run(self, part: str, command: list[str], *, is_up: Callable[[], bool], **env: str) -> None:
        with (self.folder / f"{part}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop them in order
            )
        self._parts[part] = process
        deadline = time.monotonic() + WITHIN
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing(f"{part} did not start. It said:\n{self.log_of(part)[-2000:]}")
            time.sleep(0.05)


def main() -> None:
    """Run the stack until Ctrl-C, or TERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8080, help="of nginx; 0 takes a free one")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--connections", type=int, default=40, help="to the database, of all")
    parser.add_argument("--no-samples", action="store_true", help="begin with no jobs")
    parser.add_argument("--folder", type=Path, help="keep all data here (default: forget it)")
    options = parser.parse_args()
    kept: Path | None = options.folder
    folder = kept or Path(tempfile.mkdtemp(prefix="job-portal-"))
    stack = Stack(
        folder,
        port=options.port,
        workers=options.workers,
        connections=options.connections,
        samples=not options.no_samples,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    status = 1
    try:
        stack.start()
        print(
            f"The portal is at {stack.url}; logs are in {stack.folder}. Ctrl-C stops it.",
            flush=True,
        )
        print(f"{stack.wait()} has ended", file=sys.stderr)
    except KeyboardInterrupt:
        status = 0
    except Missing as missing:
        print(missing, file=sys.stderr)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.stop()
        if kept is None:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)


def _program(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Missing(f"{name} is missing: apt-get install {package}")
    return path


def _free_ports(n: int) -> list[int]:
    with ExitStack() as held:  # all at once, or the same one comes twice
        socks = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [sock.getsockname()[1] for sock in socks]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()

"""Runs what the documentation shows: every fenced block of a page, in order, in a folder of its own.

A block whose first line names a file (`# shop.py`) becomes that file; a session (```console) is run, and
what it shows must be what comes. In what is shown, these stand for any value: `...`, times, numbers of four
digits and more or with a point, and the slot of a worker. A pid is remembered, so that `kill 4599` means
the process that the page has shown as pid 4599. `fastfork serve` goes on until the next one, or the end.

A block below a line like `*Not run by the tests: it needs Docker.*` is only checked for its syntax.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fix_processes import Sessions, wait_until
from fix_services import Redis, free_port

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
NOT_RUN = re.compile(r"^\*Not run by the tests: .+\*$")
PORTS = re.compile(r"\b(6379|8000|8001|8080|9000)\b")
SERVER = re.compile(r"^(\w+=\S+ )*(fastfork serve|python \S+\.py$)")
STEERING = re.compile(
    r"^fastfork (?!.*--name)(status|restart|dump|logs|scale|reload|upgrade|stop)(?= |$)",
    flags=re.MULTILINE,
)
COMMENT = re.compile(r"^(?:#|//) (\S+\.\w+)$")


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    line: int
    is_run: bool


def blocks_of(page: str) -> Iterator[Block]:
    """Return the fenced blocks of a page of Markdown."""
    language: str | None = None
    start, kept, above = 0, [""], ""
    for number, line in enumerate(page.splitlines(), 1):
        if language is None and line.startswith("```"):
            language, start, kept = line[3:].strip(), number, []
        elif language is not None and line == "```":
            yield Block(language, "\n".join(kept) + "\n", start, not NOT_RUN.match(above))
            language, above = None, ""
        elif language is not None:
            kept.append(line)
        elif line.strip():
            above = line.strip()


def commands_of(session: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a session, each with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and not found[-1][1] and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0] + "\n" + line, [])
        else:
            assert found, f"a session begins with a command: {line}"
            found[-1][1].append(line)
    return found


_WILD = re.compile(
    r"(?P<rest>\.\.\.)|(?P<time>\d{4}-\d\d-\d\d[T ][\d:]+ ?\+\d{4})|pid (?P<pid>\d+)"
    r"|(?P<slot>(?:worker|slot) \d)\b"
    r"|(?P<number>\d[\d,]*\.\d+|\d{4,}|\d[\d,]{4,})|(?P<space> {2,})"
)


def pattern_of(line: str) -> tuple[str, list[str]]:
    """Return a regular expression for a line that is shown, and the pids in it."""
    parts, pids, end = [], [], 0
    for found in _WILD.finditer(line):
        parts.append(re.escape(line[end : found.start()]))
        end = found.end()
        kind = found.lastgroup
        if kind == "pid":
            pids.append(found["pid"])
        parts.append(
            {
                "rest": ".*",
                "time": r"[\d:T +-]+",
                "pid": r"pid (\d+)",
                "slot": r"(?:worker|slot) \d+",
                "number": r"[\d.,]+",
                "space": " +",
            }[kind or ""]
        )
    return "".join([*parts, re.escape(line[end:])]), pids


class Reader:
    """Does what a page says."""

    def __init__(self, folder: Path, sessions: Sessions) -> None:
        self._folder = folder
        self._sessions = sessions
        self._pids: dict[str, str] = {}
        self._ports: dict[str, str] = {}
        self._server: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._unused: dict[str, int] = {}
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "run").mkdir(mode=0o700)
        self._env = {
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin",
            "FASTFORK_BIND": f"127.0.0.1:{self._port('8000')}",
            "FASTFORK_WORKERS": "4",
            "XDG_RUNTIME_DIR": str(folder / "run"),
            # What a page tells to install is here already; pip only looks whether it is so.
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def read(self, page: str) -> None:
        """Do it all."""
        for block in blocks_of(page):
            if block.language.startswith("{"):
                continue  # the site's own, which a build checks
            check = _CHECKS.get(block.language)
            assert check is not None, f"line {block.line}: nobody knows ```{block.language}"
            try:
                check(block.text)
                if block.is_run:
                    self._run(block)
            except (AssertionError, subprocess.SubprocessError, SyntaxError) as error:
                log = self._log.read_text() if self._log.exists() else ""
                raise AssertionError(f"line {block.line}: {error}\n{log}") from error
        assert not self._unused, f"files that no command uses: {self._unused}"
        self.stop()

    def stop(self) -> None:
        """Stop the server, if one runs."""
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGTERM)
        if server is not None:
            assert server.wait(40) == 0, f"the server ended with {server.returncode}"

    def _run(self, block: Block) -> None:
        if block.language == "console":
            for command, shown in commands_of(block.text):
                self._command(self._told(command), shown)
        elif name := COMMENT.match(block.text.partition("\n")[0]):
            path = self._folder / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._told(block.text))
            if block.language == "python" and not name[1].endswith(".conf.py"):  # is read by itself
                self._unused[name[1]] = block.line
        elif block.language == "pycon":
            self._output(f"python -c {shlex.quote(_DOCTEST)} {shlex.quote(block.text)}")
        elif block.language == "python":
            self._output(f"python -c {shlex.quote(self._told(block.text))}")

    def _told(self, text: str) -> str:
        """Return *text* with the ports and pids of now."""
        text = PORTS.sub(lambda found: self._port(found[0]), text)
        return re.sub(r"\b\d{4,}\b", lambda found: self._pids.get(found[0], found[0]), text)

    def _port(self, shown: str) -> str:
        if shown == "6379" and shown not in self._ports:  # a page takes Redis for granted
            redis = Redis(self._sessions, self._folder)
            self._ports[shown] = str(redis.port)
        return self._ports.setdefault(shown, str(free_port()))

    def _command(self, command: str, shown: list[str]) -> None:
        for name in list(self._unused):
            if re.search(rf"\b{re.escape(Path(name).stem)}\b", command):
                del self._unused[name]
        ours = [line for line in shown if line.startswith("[2")]
        if SERVER.match(command):
            self._serve(command)
            ours = shown
        else:
            output = self._output(command)
            if any(line == "..." for line in shown):
                ours = []  # the lines of a log that the command shows itself
            self._compare(command, output, [line for line in shown if line not in ours])
        for line in ours:
            self._await(line)

    def _await(self, line: str) -> None:
        """Wait until the server's log has a line like this one."""
        wanted, pids = self._pattern(line)
        try:
            found = wait_until(lambda: re.search(wanted, self._log.read_text()), within=40)
        except AssertionError:
            found = None
        assert found is not None, f"the log never had: {line}"
        self._pids |= dict(zip(pids, found.groups(), strict=True))

    def _pattern(self, line: str) -> tuple[str, list[str]]:
        return pattern_of(PORTS.sub(lambda found: self._port(found[0]), line.rstrip()))

    def _serve(self, command: str) -> None:
        self.stop()
        self._log.write_text("")
        command = command.removesuffix(" &")
        self._server = self._sessions.start(
            ["bash", "-c", command], cwd=self._folder, log=self._log, **self._env
        )
        server = self._server
        wait_until(lambda: self._listens() or server.poll() is not None, within=40)
        assert server.poll() is None, f"{command}: it ended"

    def _listens(self) -> bool:
        """Whether somebody listens on one of our ports, or says that it listens elsewhere."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        listening = {
            str(int(line.split()[1].rpartition(":")[2], 16)) for line in lines if " 0A " in line
        }
        ours = {
            port for shown, port in self._ports.items() if shown != "6379"
        }  # Redis is another's
        return bool(listening & ours) or "Listening at" in self._log.read_text()

    def _output(self, command: str) -> str:
        if STEERING.match(command):  # other servers may run on this machine
            (name,) = (path.stem for path in self._folder.glob("run/fastfork/*.sock"))
            command = STEERING.sub(rf"\g<0> --name {name}", command)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env={**os.environ, **self._env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def _compare(self, command: str, output: str, shown: list[str]) -> None:
        if not shown:
            return
        parts, pids = [], []
        for line in shown:
            wanted, more = self._pattern(line)
            pids += more
            parts.append(r"(?:.*\n)*?" if line == "..." else wanted + r" *\n")
        found = re.fullmatch("".join(parts), output if output.endswith("\n") else output + "\n")
        assert found, f"{command}\n--- shown:\n" + "\n".join(shown) + f"\n--- came:\n{output}"
        self._pids |= dict(zip(pids, found.groups(), strict=True))


_DOCTEST = """
import doctest, fastfork, sys
names = {name: getattr(fastfork, name) for name in fastfork.__all__}
test = doctest.DocTestParser().get_doctest(sys.argv[1], names, "page", None, None)
sys.exit(doctest.DocTestRunner().run(test).failed)
"""


def _session(text: str) -> None:
    for command, _ in commands_of(text):
        subprocess.run(["bash", "-n"], input=command, text=True, check=True)


def _nothing(text: str) -> None:
    pass


def _yaml(text: str) -> None:
    import yaml  # only with documents to check: the smoke tests of a wheel do without

    list(yaml.safe_load_all(text))


_CHECKS: dict[str, Callable[[str], object]] = {
    "python": lambda text: compile(text, "page", "exec"),
    "console": _session,
    "pycon": _nothing,
    "toml": tomllib.loads,
    "json": json.loads,
    "yaml": _yaml,
    # What another program reads; a page that shows it says in a test of its own that it is true.
    "nginx": _nothing,
    "ini": _nothing,
    "html": _nothing,
    # Pictures and tables of figures.
    "text": _nothing,
    # Node's side of a comparison.
    "js": _nothing,
}


@pytest.fixture
def reader(tmp_path: Path, sessions: Sessions) -> Iterator[Reader]:
    """Give somebody who does what a page says."""
    one = Reader(tmp_path, sessions)
    yield one
    one.stop()

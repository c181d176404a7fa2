"""Workers die between the stores of the connection protocol, by chance and very often."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fix_cluster import EAGER, Cluster, Start
from fix_load import Asking, StartLoad
from fix_processes import wait_until
from fix_server import Server
from fix_wire import Wire, get

ROOT = Path(__file__).parents[2]
DEATHS = 500


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a build of the package that has crash points."""
    folder = tmp_path_factory.mktemp("crashing")
    words = [sys.executable, "setup.py", "-q", "build", "--build-lib", str(folder)]
    env = {**os.environ, "FASTFORK_BUILD": "crash"}
    built = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


class Client:
    """Asks with numbers, and sees that each answer bears its own."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._numbers = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))
        self.refused: list[int] = []
        """The numbers of the requests that were answered 502."""

    def keeping(self, server: Server, wire: Wire | None) -> Wire | None:
        """Ask on the connection that is left, for as long as it lives."""
        return self._ask(wire or Wire(server.connect()))

    def closing(self, server: Server, wire: Wire | None) -> None:
        """Ask on a connection that ends with the answer."""
        if wire := self._ask(Wire(server.connect()), "Connection: close"):
            assert wire.is_ended()
            wire.close()

    def _ask(self, wire: Wire, *last_fields: str) -> Wire | None:
        """Ask once or thrice at a time, now and then in two pieces; return the connection if it lives."""
        try:
            return self._exchange(wire, *last_fields)
        except BaseException:
            wire.close()
            raise

    def _exchange(self, wire: Wire, *last_fields: str) -> Wire | None:
        numbers = [next(self._numbers) for _ in range(self._random.choice([1, 1, 1, 3]))]
        *group, last = numbers
        octets = b"".join([*map(_request, group), _request(last, *last_fields)])
        cut = self._random.randrange(len(octets)) if self._random.random() < 0.2 else 0
        wire.send(octets[:cut], octets[cut:])
        for number in numbers:
            response = wire.read_response()
            if response.status == 502:
                self.refused.append(number)
                wire.close()
                return None
            assert (response.status, response.body) == (200, b"%d" % number)
        return wire


def _request(number: int, *fields: str) -> bytes:
    return get(f"/{number}", *fields)


@pytest.mark.long
def test_five_hundred_deaths_cost_no_get_that_did_not_die_four_times(
    crashing: Path, start: Start, load: StartLoad
) -> None:
    env = {"FASTFORK_CRASH": "400", "PYTHONPATH": str(crashing)}
    options = ["-w", "4", "-b", "127.0.0.1:0"]
    server = start("numbered:app", *options, env=env, command=EAGER)
    clients = [Client(seed) for seed in range(16)]
    askings: list[Asking] = [c.keeping if i % 2 else c.closing for i, c in enumerate(clients)]

    asking = load(server, *askings)
    wait_until(lambda: server.log.count(" died: SIGKILL") >= DEATHS, within=300)
    outcomes = asking.stop()

    assert set(outcomes) == {"answered"}, outcomes
    wait_until(lambda: len(server.master_fds()) <= server.fds_of_rest)
    for number in [number for client in clients for number in client.refused]:
        assert _words_of(server, number) == [*["another one runs it again"] * 3, "answered 502"]


def _words_of(server: Cluster, number: int) -> list[str]:
    """Return what the log says became of a request, one for each death."""
    return re.findall(rf"died in GET /{number} HTTP/1.1: (.*)", server.log)

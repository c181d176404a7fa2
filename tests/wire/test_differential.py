"""Our parsers beside others: strict llhttp, h11 and http.client, over requests by chance.

What we take, llhttp takes, and all see the same in it; what we refuse and llhttp takes, we refuse by a rule.
Every exception stands in probe/wanted.py with its reason.
"""

from __future__ import annotations

import os
from random import Random

import pytest

from probe import codec, connection, fields, framing, line, mutate, wanted
from probe.case import AFTER
from probe.differ import complaints
from probe.oracles import Seen, ask_llhttp

CASES = line.CASES | fields.CASES | framing.CASES | connection.CASES
SEEDS = [case.octets for case in CASES.values() if len(case.octets) < 2000]
MANY = int(os.environ.get("FASTFORK_DIFFERENTIAL", "10000000"))
SEED = int(os.environ.get("FASTFORK_SEED", "1"))


def compare(count: int, seed: int) -> None:
    """Compare *count* requests; fail with the first few that differ, and how many each verdict had."""
    random = Random(seed)
    wrong: dict[str, bytes] = {}
    taken = 0
    for number in range(count):
        octets = mutate.any_request(random, SEEDS)
        for complaint in complaints(octets, all_oracles=number % 10 == 0):
            shortest = wrong.get(complaint, octets)
            wrong[complaint] = min(octets, shortest, key=len)
        taken += isinstance(codec.read(octets), codec.Read) if number % 100 == 0 else 0
    assert not wrong, "\n".join(f"{complaint}: {octets!r}" for complaint, octets in wrong.items())
    assert taken > count / 100 / 10  # else only refusals are compared


def test_a_few_thousand_requests_are_read_as_others_read_them() -> None:
    compare(5000, SEED)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_ten_million_requests_are_read_as_others_read_them() -> None:
    compare(MANY, SEED)


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name].octets) < codec.ROOM])
def test_cases_of_the_probe_are_read_as_others_read_them(name: str) -> None:
    assert complaints(CASES[name].octets) == []


EXAMPLES = {
    "a method is any token": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a higher minor version": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "an Upgrade that nobody wants": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("octets", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_what_we_take_beyond_llhttp_has_a_reason(octets: bytes) -> None:
    ours = codec.read(octets + AFTER)
    assert isinstance(ours, codec.Read)

    assert wanted.reason_for(wanted.BEYOND_LLHTTP, octets, ours, ask_llhttp(octets))
    assert ours.rest == AFTER


def test_table_excuses_nothing_plain() -> None:
    octets = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    ours = codec.read(octets)
    assert isinstance(ours, codec.Read)

    assert wanted.reason_for(wanted.BEYOND_LLHTTP, octets, ours, Seen(refusal="x")) is None
    assert wanted.rule_for(octets, 400, ask_llhttp(octets)) is None

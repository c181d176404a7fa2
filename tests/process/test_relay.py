"""Workers die with connections whose relay has said whom it speaks for, or is about to."""

from __future__ import annotations

import json

import pytest

from fix_cluster import Start
from fix_processes import wait_until
from fix_wire import Connect, get

HEADER = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"


@pytest.mark.parametrize("said", [0, 1, 20, len(HEADER) - 1, len(HEADER), len(HEADER) + 10])
def test_whom_a_relay_speaks_for_is_known_to_the_next_worker(
    start: Start, connect: Connect, said: int
) -> None:
    server = start("environ:app", "--proxy-protocol", "v1", workers=1)
    octets = HEADER + get()
    before = len(server.master_fds())
    wire = connect(server).send(octets[:said])
    wait_until(lambda: len(server.master_fds()) > before or said == 0)
    server.wait_for_rest()

    server.replace(0)
    wire.send(octets[said:])

    for _ in range(2):
        assert json.loads(wire.read_response().body)["REMOTE_ADDR"] == "203.0.113.7"
        wire.send(get())
    assert wire.read_response().status == 200

"""How the master deals once it knows what its workers serve."""

from __future__ import annotations

import socket

import pytest

from fastfork._native.dispatcher import Dispatcher
from fastfork.settings import Settings
from fastfork.supervisor.adapt import adapt, policy_of


@pytest.mark.parametrize(
    ("dispatch", "interface", "policy"),
    [
        ("auto", "wsgi", "round-robin"),
        ("auto", "asgi", "least-loaded"),
        ("ip-hash", "asgi", "ip-hash"),
    ],
)
def test_policy_follows_the_interface_unless_it_is_said(
    dispatch: str, interface: str, policy: str
) -> None:
    assert policy_of(dispatch, interface) == policy


def test_listeners_that_are_closed_already_are_left_alone() -> None:
    dispatcher = Dispatcher(max_connections=16, keep_alive=1.0, silence=1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        adapt(dispatcher, Settings(app="a:b"), "wsgi", listeners=[listener.fileno(), -1])

        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0

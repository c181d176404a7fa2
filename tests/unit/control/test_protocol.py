"""The control protocol: one line a message."""

from __future__ import annotations

import pytest

from fastfork.control.protocol import LINE_MAX, ControlError, Inbox, Reply, Request, decode, encode


def test_request_is_a_line_of_json_and_comes_back() -> None:
    request = Request("restart", {"slot": 2})

    line = encode(request)

    assert line == b'{"command":"restart","arguments":{"slot":2},"version":1}\n'
    assert decode(line, Request) == request


def test_reply_says_only_what_there_is_to_say() -> None:
    assert encode(Reply(True, 7)) == b'{"ok":true,"result":7}\n'
    assert encode(Reply(False, error="no")) == b'{"ok":false,"error":"no"}\n'


def test_path_that_is_no_utf_8_is_told_as_far_as_it_is() -> None:
    reply = Reply(True, {"listeners": ("unix:caf\udce9.sock",), "requests": 3})

    assert encode(reply) == b'{"ok":true,"result":{"listeners":["unix:caf?.sock"],"requests":3}}\n'


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"command": 3}', b"\xff\n"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ControlError, match="not a message of the control protocol"):
        decode(line, Request)


def test_lines_are_cut_however_they_arrive() -> None:
    inbox = Inbox()

    assert inbox.feed(b"on") == []
    assert inbox.feed(b"e\ntwo\nth") == [b"one", b"two"]
    assert inbox.feed(b"ree\n") == [b"three"]


def test_line_without_an_end_is_refused() -> None:
    with pytest.raises(ControlError, match="octets at most"):
        Inbox().feed(b"x" * (LINE_MAX + 1))

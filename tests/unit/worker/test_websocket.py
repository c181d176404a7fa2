"""A WebSocket without a network: what each frame does, by the table that Autobahn's fuzzing client tests."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from fastfork.worker.websocket import Options, WebSocket, refusal_of
from fix_frames import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    close,
    close_code,
    frame,
    frames_of,
)

KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION = (b"sec-websocket-version", b"13")
DEFLATE = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")
PLAIN = Options(max_size=1000, deflate=False)


def a_socket(options: Options = PLAIN, *headers: tuple[bytes, bytes]) -> WebSocket:
    """Return a WebSocket that was just accepted."""
    return WebSocket([KEY, VERSION, *headers], options)


def text(content: str) -> dict[str, Any]:
    """Return the message for a text."""
    return {"type": "websocket.receive", "text": content}


def binary(content: bytes) -> dict[str, Any]:
    """Return the message for octets."""
    return {"type": "websocket.receive", "bytes": content}


def deflated(content: bytes) -> bytes:
    """Return *content* as a message of RFC 7692."""
    squeezer = zlib.compressobj(wbits=-12)
    return (squeezer.compress(content) + squeezer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_key_is_answered_as_in_the_rfc() -> None:
    assert a_socket().fields == [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([KEY, VERSION], None),
        ([KEY, VERSION, DEFLATE], None),
        ([KEY], 426),
        ([KEY, (b"sec-websocket-version", b"8")], 426),
        ([KEY, VERSION, VERSION], 426),
        ([VERSION], 400),
        ([KEY, KEY, VERSION], 400),
        ([(b"sec-websocket-key", b"c2hvcnQ="), VERSION], 400),
        ([(b"sec-websocket-key", b"not base64!"), VERSION], 400),
        ([KEY, VERSION, (b"sec-websocket-extensions", b"a; b=;")], 400),
    ],
)
def test_handshake_that_is_none_is_refused(
    headers: list[tuple[bytes, bytes]], status: int | None
) -> None:
    refusal = refusal_of(headers)

    assert (refusal and refusal.status) == status
    if refusal and refusal.status == 426:
        assert refusal.fields == [(b"sec-websocket-version", b"13")]


EURO = "€".encode()

# What the client sends, in reads of the server; what the application receives; what is answered.
FINE = {
    "text": ([frame(TEXT, b"hello")], [text("hello")], []),
    "no octets": ([frame(TEXT), frame(BINARY)], [text(""), binary(b"")], []),
    "binary": ([frame(BINARY, b"\0\xff")], [binary(b"\0\xff")], []),
    "126 octets": ([frame(TEXT, b"x" * 126)], [text("x" * 126)], []),
    "as long as allowed": ([frame(BINARY, b"x" * 1000)], [binary(b"x" * 1000)], []),
    "octet by octet": (
        [bytes([octet]) for octet in frame(TEXT, b"hello")],
        [text("hello")],
        [],
    ),
    "several at once": (
        [frame(TEXT, b"a") + frame(TEXT, b"b") + frame(BINARY, b"c")[:3]],
        [text("a"), text("b")],
        [],
    ),
    "ping": ([frame(PING, b"you?")], [], [(PONG, b"you?")]),
    "ping without a payload": ([frame(PING)], [], [(PONG, b"")]),
    "ping as long as allowed": ([frame(PING, b"x" * 125)], [], [(PONG, b"x" * 125)]),
    "ten pings": (
        [frame(PING, b"%d" % n) for n in range(10)],
        [],
        [(PONG, b"%d" % n) for n in range(10)],
    ),
    "pong that nobody asked for": ([frame(PONG, b"me")], [], []),
    "fragments": (
        [frame(TEXT, b"he", fin=False), frame(CONT, b"l", fin=False), frame(CONT, b"lo")],
        [text("hello")],
        [],
    ),
    "fragments without an octet": (
        [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT)],
        [text("")],
        [],
    ),
    "fragments of binary": (
        [frame(BINARY, b"\xff", fin=False) + frame(CONT, b"\xfe")],
        [binary(b"\xff\xfe")],
        [],
    ),
    "ping between fragments": (
        [frame(TEXT, b"he", fin=False), frame(PING, b"p"), frame(CONT, b"llo")],
        [text("hello")],
        [(PONG, b"p")],
    ),
    "a character in two frames": (
        [frame(TEXT, EURO[:1], fin=False), frame(CONT, EURO[1:])],
        [text("€")],
        [],
    ),
    "all of Unicode's planes": (
        [frame(TEXT, "κόσμε \U0010ffff \ufffe \0".encode())],
        [text("κόσμε \U0010ffff \ufffe \0")],
        [],
    ),
}


@pytest.mark.parametrize(("reads", "received", "answered"), FINE.values(), ids=FINE.keys())
def test_what_is_right_is_delivered(
    reads: list[bytes], received: list[dict[str, Any]], answered: list[tuple[int, bytes]]
) -> None:
    socket = a_socket()
    for octets in reads:
        socket.hear(octets)

    assert list(socket.messages) == received
    assert frames_of(socket.take()) == answered
    assert socket.is_open
    assert not socket.is_over


# What the client sends; with which code it is closed.
WRONG = {
    "reserved bit 1": (frame(TEXT, b"x", rsv=4), 1002),
    "reserved bit 2": (frame(TEXT, b"x", rsv=2), 1002),
    "reserved bit 3": (frame(PING, b"x", rsv=1), 1002),
    "reserved bit of a close": (frame(CLOSE, b"\x03\xe8", rsv=4), 1002),
    "reserved opcode 3": (frame(3, b"x"), 1002),
    "reserved opcode 7": (frame(7), 1002),
    "reserved opcode 11": (frame(11, b"x"), 1002),
    "reserved opcode 15": (frame(15), 1002),
    "no mask": (frame(TEXT, b"x", is_masked=False), 1002),
    "ping that is too long": (frame(PING, b"x" * 126), 1002),
    "ping in fragments": (frame(PING, b"x", fin=False), 1002),
    "pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "close in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "close that is too long": (close(1000, b"x" * 124), 1002),
    "close of one octet": (frame(CLOSE, b"\x03"), 1002),
    "continuation of nothing": (frame(CONT, b"x"), 1002),
    "continuation of nothing, unfinished": (frame(CONT, b"x", fin=False), 1002),
    "continuation of what is whole": (
        frame(TEXT, b"a", fin=False) + frame(CONT, b"b") + frame(CONT, b"c"),
        1002,
    ),
    "text inside a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "text inside binary": (frame(BINARY, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "close inside a text": (frame(TEXT, b"a", fin=False) + close(1000), 1002),
    "not UTF-8": (frame(TEXT, b"\xce\xba\xff"), 1007),
    "overlong UTF-8": (frame(TEXT, b"\xc0\xaf"), 1007),
    "surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "beyond Unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "half a character": (frame(TEXT, EURO[:2]), 1007),
    "half a character in the last fragment": (
        frame(TEXT, b"x", fin=False) + frame(CONT, EURO[:2]),
        1007,
    ),
    "not UTF-8, in a text that goes on": (frame(TEXT, b"\xff", fin=False), 1007),
    "reason that is not UTF-8": (close(1000, b"\xff"), 1007),
    "too long": (frame(BINARY, b"x" * 1001), 1009),
    "too long in fragments": (
        frame(BINARY, b"x" * 999, fin=False) + frame(CONT, b"xx"),
        1009,
    ),
    "says that it has 1 GB": (frame(BINARY, b"", length=1 << 30), 1009),
    "says that it has 2**63 octets": (frame(BINARY, b"", length=(1 << 63) + 1), 1009),
    **{
        f"close with {code}": (close(code), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize(("octets", "code"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("step", [1 << 20, 1])
def test_what_is_wrong_ends_it(octets: bytes, code: int, step: int) -> None:
    socket = a_socket()
    for start in range(0, len(octets), step):
        socket.hear(octets[start : start + step])

    *before, (opcode, payload) = frames_of(socket.take())
    assert (opcode, close_code(payload)) == (CLOSE, code)
    assert before == []
    assert socket.is_over
    assert not socket.is_open
    event = socket.messages[-1]
    assert (event["type"], event["code"]) == ("websocket.disconnect", code)
    socket.hear(frame(TEXT, b"more"))
    socket.hear(None)
    assert len([one for one in socket.messages if one["type"] == "websocket.disconnect"]) == 1
    assert socket.take() == b""


@pytest.mark.parametrize(
    ("octets", "code", "reason"),
    [
        (close(1000), 1000, ""),
        (close(1000, b"bye"), 1000, "bye"),
        (close(1000, b"x" * 123), 1000, "x" * 123),
        (frame(CLOSE), 1005, ""),
        *((close(code), code, "") for code in (1001, 1002, 1003, 1007, 1011, 3000, 3999, 4999)),
    ],
)
def test_close_is_answered_in_kind(octets: bytes, code: int, reason: str) -> None:
    socket = a_socket()

    socket.hear(frame(TEXT, b"last") + octets + frame(TEXT, b"ignored"))

    ((opcode, payload),) = frames_of(socket.take())
    assert opcode == CLOSE
    assert (close_code(payload) if payload else 1005) == code
    assert socket.is_over
    end = {"type": "websocket.disconnect", "code": code, "reason": reason}
    assert [socket.next(), socket.next(), socket.next()] == [text("last"), end, end]
    assert socket.weight == 0


def test_connection_that_just_ends_is_lost() -> None:
    socket = a_socket()

    socket.hear(frame(TEXT, b"half")[:-1])
    socket.hear(None)

    assert socket.take() == b""
    assert socket.is_over
    assert socket.next() == {"type": "websocket.disconnect", "code": 1006, "reason": ""}


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ({"text": "hellö"}, (TEXT, "hellö".encode())),
        ({"text": ""}, (TEXT, b"")),
        ({"bytes": b"\xff", "text": None}, (BINARY, b"\xff")),
        ({"bytes": bytearray(b"ab")}, (BINARY, b"ab")),
        ({"bytes": memoryview(b"ab")}, (BINARY, b"ab")),
        ({"bytes": b"x" * 70_000}, (BINARY, b"x" * 70_000)),
    ],
)
def test_message_of_the_application_is_one_frame(
    message: dict[str, Any], sent: tuple[int, bytes]
) -> None:
    socket = a_socket()

    socket.say(message)

    assert frames_of(socket.take()) == [sent]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({}, "either 'text' or 'bytes'"),
        ({"text": "a", "bytes": b"a"}, "either 'text' or 'bytes'"),
        ({"text": b"a"}, "'text' of websocket.send must be a str, not bytes"),
        ({"bytes": "a"}, "'bytes' of websocket.send must be bytes, not str"),
    ],
)
def test_what_is_no_message_is_refused(message: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        a_socket().say(message)


def test_close_of_ours_waits_for_the_clients() -> None:
    socket = a_socket()

    socket.close(4001, "enough")

    assert frames_of(socket.take()) == [(CLOSE, b"\x0f\xa1enough")]
    was_over = socket.is_over
    socket.hear(frame(TEXT, b"crossed") + close(4001))
    assert (was_over, socket.is_over) == (False, True)
    assert socket.take() == b""
    assert list(socket.messages) == [
        {"type": "websocket.disconnect", "code": 4001, "reason": "enough"}
    ]


def test_client_that_answers_no_close_is_left() -> None:
    socket = a_socket()
    socket.close()
    socket.take()

    socket.abandon()

    assert socket.is_over
    assert socket.take() == b""


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 2000, 5000])
def test_code_that_must_not_be_sent_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match=f"^{code} is no code to close a WebSocket with"):
        a_socket().close(code)


def test_reason_that_does_not_fit_is_refused() -> None:
    a_socket().close(1000, "€" * 41)
    with pytest.raises(ValueError, match="longer than 123 octets"):
        a_socket().close(1000, "€" * 42)


class TestDeflate:
    """RFC 7692."""

    options = Options(max_size=1000)

    def test_is_agreed_upon_when_the_client_offers_it(self) -> None:
        (answer,) = [
            value
            for name, value in a_socket(self.options, DEFLATE).fields
            if name == b"sec-websocket-extensions"
        ]

        assert answer.startswith(b"permessage-deflate")

    @pytest.mark.parametrize(
        ("options", "offer"),
        [(PLAIN, [DEFLATE]), (options, []), (options, [(DEFLATE[0], b"x-webkit-deflate-frame")])],
    )
    def test_is_not_used_otherwise(
        self, options: Options, offer: list[tuple[bytes, bytes]]
    ) -> None:
        socket = a_socket(options, *offer)
        socket.say({"text": "a" * 100})

        assert [name for name, _ in socket.fields if name == DEFLATE[0]] == []
        assert frames_of(socket.take()) == [(TEXT, b"a" * 100)]

    def test_message_goes_both_ways(self) -> None:
        socket = a_socket(self.options, DEFLATE)

        socket.hear(frame(TEXT, deflated(b"hello" * 100), rsv=4))
        socket.say({"text": "hello" * 100})

        assert socket.next() == text("hello" * 100)
        ((opcode, payload),) = frames_of(socket.take())
        assert opcode == 0x40 | TEXT
        assert zlib.decompressobj(wbits=-12).decompress(payload) == b"hello" * 100

    def test_message_in_fragments_is_inflated(self) -> None:
        octets = deflated(b"hello" * 100)
        socket = a_socket(self.options, DEFLATE)

        socket.hear(frame(TEXT, octets[:3], fin=False, rsv=4) + frame(CONT, octets[3:]))

        assert socket.next() == text("hello" * 100)

    @pytest.mark.parametrize(
        ("octets", "code"),
        [
            (frame(BINARY, deflated(bytes(1001)), rsv=4), 1009),
            (frame(BINARY, deflated(bytes(10_000_000)), rsv=4), 1009),
            (frame(BINARY, b"not deflated at all", rsv=4), 1002),
            (frame(TEXT, deflated(b"\xff"), rsv=4), 1007),
            (frame(TEXT, b"a", fin=False) + frame(CONT, b"b", rsv=4), 1002),
        ],
    )
    def test_what_is_wrong_inside_ends_it(self, octets: bytes, code: int) -> None:
        socket = a_socket(self.options, DEFLATE)

        socket.hear(octets)

        ((opcode, payload),) = frames_of(socket.take())
        assert (opcode, close_code(payload)) == (CLOSE, code)


class TestBeat:
    """Pings, and who is silent behind one."""

    options = Options(ping_interval=20, ping_timeout=5)

    def test_client_is_pinged_and_lives_while_it_answers(self) -> None:
        socket = a_socket(self.options)

        assert socket.beat(100, is_deaf=False) == 20
        assert socket.take() == b""
        assert socket.beat(120, is_deaf=False) == 5
        assert frames_of(socket.take()) == [(PING, b"")]
        socket.hear(frame(PONG))
        assert socket.beat(125, is_deaf=False) == 15
        assert socket.beat(140, is_deaf=False) == 5
        assert frames_of(socket.take()) == [(PING, b"")]
        assert socket.is_open

    def test_silent_client_is_given_up(self) -> None:
        socket = a_socket(self.options)
        socket.beat(100, is_deaf=False)
        socket.beat(120, is_deaf=False)
        socket.take()

        assert socket.beat(125, is_deaf=False) is None
        assert frames_of(socket.take()) == [(CLOSE, b"\x03\xf3no answer to a ping")]
        assert socket.is_over
        assert socket.next()["code"] == 1011

    def test_client_that_we_do_not_listen_to_is_not_silent(self) -> None:
        socket = a_socket(self.options)
        socket.beat(100, is_deaf=False)
        socket.beat(120, is_deaf=False)

        assert socket.beat(125, is_deaf=True) == 15

    def test_whatever_it_says_is_an_answer(self) -> None:
        socket = a_socket(self.options)
        socket.beat(100, is_deaf=False)
        socket.beat(120, is_deaf=False)
        socket.hear(frame(BINARY, b"x", length=500))

        assert socket.beat(125, is_deaf=False) == 15

    @pytest.mark.parametrize(
        ("interval", "patience", "waits"),
        [(0, 20, [None, None]), (20, 0, [20, 20]), (5, 20, [5, 20])],
    )
    def test_either_can_be_switched_off(
        self, interval: float, patience: float, waits: list[float | None]
    ) -> None:
        socket = a_socket(Options(ping_interval=interval, ping_timeout=patience))

        found = [socket.beat(100, is_deaf=False), socket.beat(100 + interval, is_deaf=False)]

        assert found == waits

    def test_nothing_is_asked_once_it_is_closed(self) -> None:
        socket = a_socket(self.options)
        socket.close()

        assert socket.beat(100, is_deaf=False) is None

"""A WebSocket's application: what it receives and sends, against a connection that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from fastfork.worker.conversation import Conversation, Disconnected
from fastfork.worker.websocket import Options
from fix_frames import BINARY, CLOSE, PING, PONG, TEXT, close, close_code, frame, frames_of

HEADERS = [
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]
SCOPE = {"type": "websocket", "path": "/chat", "headers": HEADERS, "subprotocols": ["a", "b"]}
CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
BYE = {"type": "websocket.close"}


class FakeTunnel:
    """A connection that takes everything, until `is_slow`."""

    def __init__(self) -> None:
        self.octets = b""
        self.is_slow = False
        self._is_paused = False
        self._is_ended = False
        self.rooms: list[asyncio.Future[None]] = []

    def push(self, octets: bytes) -> bool:
        """Take *octets*."""
        assert not self._is_ended
        self.octets += octets
        return not self.is_slow

    def room(self) -> Awaitable[None]:
        """Wait for `make_room`."""
        self.rooms.append(asyncio.get_running_loop().create_future())
        return self.rooms[-1]

    def make_room(self) -> None:
        """Be fast again."""
        self.is_slow = False
        for room in self.rooms:
            room.set_result(None)

    def pause(self) -> None:
        """Hear nothing."""
        assert not self._is_paused
        self._is_paused = True

    def resume(self) -> None:
        """Hear again."""
        assert self._is_paused
        self._is_paused = False

    def end(self) -> None:
        """End."""
        assert not self._is_ended
        self._is_ended = True

    def is_paused(self) -> bool:
        """Is nothing heard?"""
        return self._is_paused

    def is_ended(self) -> bool:
        """Has it ended?"""
        return self._is_ended

    def sent(self) -> list[tuple[int, bytes]]:
        """Return the frames that were pushed since the last call."""
        octets, self.octets = self.octets, b""
        return frames_of(octets)


class Stage:
    """A conversation, and everything around it."""

    def __init__(self, options: Options = Options(deflate=False)) -> None:  # noqa: B008
        self.tunnel = FakeTunnel()
        self.fields: list[tuple[bytes, bytes]] = []
        self.responses: list[Mapping[str, Any]] = []
        self.logged: list[str] = []
        self.talk = Conversation(
            SCOPE, options, upgrade=self._upgrade, respond=self._respond, on_error=self._log
        )
        self.receive = self.talk.receive
        self.send = self.talk.send
        self.hear = self.talk.hear

    async def accept(self) -> None:
        """Let the application accept."""
        assert await self.receive() == CONNECT
        await self.send(ACCEPT)

    def _upgrade(self, fields: list[tuple[bytes, bytes]], _: Conversation) -> FakeTunnel:
        self.fields = fields
        return self.tunnel

    async def _respond(self, message: Mapping[str, Any]) -> None:
        self.responses.append(message)

    def _log(self, what: str, error: BaseException | None) -> None:
        self.logged.append(f"{what}: {error!r}" if error else what)


Play = Callable[[Stage], Awaitable[None]]


def on_stage(play: Play, options: Options = Options(deflate=False)) -> None:  # noqa: B008
    """Run *play*, and see that it leaves nothing on the loop."""

    async def run() -> None:
        stage = Stage(options)
        await asyncio.wait_for(play(stage), 5)
        await stage.talk.finish()
        stage.hear(close(1000))
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(run())


def says(text: str) -> dict[str, Any]:
    """Return a message of the application."""
    return {"type": "websocket.send", "text": text}


def test_messages_go_both_ways() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        stage.hear(frame(TEXT, b"one") + frame(BINARY, b"two"))
        assert await stage.receive() == {"type": "websocket.receive", "text": "one"}
        assert await stage.receive() == {"type": "websocket.receive", "bytes": b"two"}
        waiting = asyncio.ensure_future(stage.receive())
        await asyncio.sleep(0)
        stage.hear(frame(TEXT, b"three"))
        assert await waiting == {"type": "websocket.receive", "text": "three"}
        await stage.send(says("four"))
        await stage.send({"type": "websocket.send", "bytes": b"five"})
        assert stage.tunnel.sent() == [(TEXT, b"four"), (BINARY, b"five")]

    on_stage(play)


def test_receive_that_is_cancelled_loses_nothing() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stage.receive(), 0.001)
        stage.hear(frame(TEXT, b"kept"))
        assert await stage.receive() == {"type": "websocket.receive", "text": "kept"}

    on_stage(play)


def test_each_that_receives_gets_a_message_but_who_gave_up() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        first, given_up, second = (asyncio.ensure_future(stage.receive()) for _ in range(3))
        await asyncio.sleep(0)
        given_up.cancel()
        stage.hear(frame(TEXT, b"one"))
        assert await first == {"type": "websocket.receive", "text": "one"}
        stage.hear(frame(TEXT, b"two"))
        assert await second == {"type": "websocket.receive", "text": "two"}

    on_stage(play)


def test_accept_says_subprotocol_and_headers() -> None:
    async def play(stage: Stage) -> None:
        await stage.send({**ACCEPT, "subprotocol": "b", "headers": [(b"set-cookie", b"c=1")]})
        assert stage.fields[:2] == [(b"upgrade", b"websocket"), (b"connection", b"Upgrade")]
        assert stage.fields[3:] == [(b"set-cookie", b"c=1"), (b"sec-websocket-protocol", b"b")]

    on_stage(play)


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"subprotocol": "c"}, ValueError, "'c' was not offered; offered: a, b"),
        ({"headers": [("x", "y")]}, TypeError, r"a pair of bytes, not \('x', 'y'\)"),
        (
            {"headers": [(b"x", b"y\r\nset-cookie: z")]},
            ValueError,
            r"value of one line, not \(b'x', b'y",
        ),
        ({"headers": [(b"x y", b"z")]}, ValueError, r"value of one line, not \(b'x y'"),
        (
            {"headers": [(b"Transfer-Encoding", b"chunked")]},
            ValueError,
            "'Transfer-Encoding' is the server's to send",
        ),
        (
            {"headers": [(b"Sec-WebSocket-Protocol", b"a")]},
            ValueError,
            "'Sec-WebSocket-Protocol' is the server's to send",
        ),
    ],
)
def test_accept_that_is_wrong_can_be_mended(
    wrong: dict[str, Any], error: type[Exception], told: str
) -> None:
    async def play(stage: Stage) -> None:
        with pytest.raises(error, match=told):
            await stage.send({**ACCEPT, **wrong})
        await stage.accept()

    on_stage(play)


def test_close_before_accept_is_a_403() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive()
        await stage.send(BYE)
        start, body = stage.responses
        assert (start["type"], start["status"]) == ("http.response.start", 403)
        assert (body["type"], body["body"]) == ("http.response.body", b"Forbidden\n")
        assert await stage.receive() == {
            "type": "websocket.disconnect",
            "code": 1006,
            "reason": "",
        }
        with pytest.raises(RuntimeError, match=r"'websocket\.accept' was sent when .* refused"):
            await stage.send(ACCEPT)

    on_stage(play)


def test_handshake_may_be_answered_as_any_request() -> None:
    async def play(stage: Stage) -> None:
        start = {"type": "websocket.http.response.start", "status": 401, "headers": []}
        body = {"type": "websocket.http.response.body", "body": b"no"}
        with pytest.raises(RuntimeError, match="out of turn"):
            await stage.send(body)
        await stage.send(start)
        with pytest.raises(RuntimeError, match="out of turn"):
            await stage.send(start)
        with pytest.raises(RuntimeError, match="refused already"):
            await stage.send(ACCEPT)
        await stage.send({**body, "more_body": True})
        await stage.send(body)
        assert stage.responses == [
            {**start, "type": "http.response.start"},
            {**body, "type": "http.response.body", "more_body": True},
            {**body, "type": "http.response.body"},
        ]
        assert (await stage.receive()) == CONNECT
        assert (await stage.receive())["type"] == "websocket.disconnect"
        with pytest.raises(RuntimeError, match="out of turn"):
            await stage.send(body)

    on_stage(play)


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (
            None,
            "WebSocket /chat: the application returned without accepting the WebSocket or closing it",
        ),
        (ValueError("x"), "WebSocket /chat: the application failed: ValueError('x')"),
    ],
)
def test_application_that_ends_without_an_answer_is_a_500(
    error: Exception | None, logged: str
) -> None:
    async def play(stage: Stage) -> None:
        await stage.talk.finish(error)
        assert stage.responses[0]["status"] == 500
        assert stage.logged == [logged]

    on_stage(play)


@pytest.mark.parametrize(
    ("error", "code", "logged"),
    [
        (None, 1000, []),
        (ValueError("x"), 1011, ["WebSocket /chat: the application failed: ValueError('x')"]),
        (asyncio.CancelledError(), 1012, []),
    ],
)
def test_end_of_the_application_closes(
    error: BaseException | None, code: int, logged: list[str]
) -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        await stage.talk.finish(error)
        ((opcode, payload),) = stage.tunnel.sent()
        assert (opcode, close_code(payload)) == (CLOSE, code)
        assert stage.logged == logged
        assert not stage.tunnel.is_ended()
        stage.hear(close(code))
        assert stage.tunnel.is_ended()

    on_stage(play)


def test_close_of_the_application_ends_what_it_receives() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        waiting = asyncio.ensure_future(stage.receive())
        await asyncio.sleep(0)
        await stage.send({**BYE, "code": 4000, "reason": "enough"})
        assert stage.tunnel.sent() == [(CLOSE, b"\x0f\xa0enough")]
        assert await waiting == {
            "type": "websocket.disconnect",
            "code": 4000,
            "reason": "enough",
        }
        for message in (says("late"), BYE):
            with pytest.raises(RuntimeError, match=r"was sent behind websocket\.close"):
                await stage.send(message)

    on_stage(play)


def test_what_a_closed_client_is_sent_is_an_oserror() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        stage.hear(close(1001))
        assert stage.tunnel.is_ended()
        with pytest.raises(OSError, match="the client has closed") as caught:
            await stage.send(says("late"))
        await stage.send(BYE)  # what is closed may be closed
        assert (await stage.receive())["code"] == 1001
        assert (await stage.receive())["code"] == 1001
        await stage.talk.finish(caught.value)
        assert stage.logged == []

    on_stage(play)


def test_client_that_leaves_before_it_is_accepted() -> None:
    async def play(stage: Stage) -> None:
        await stage.receive()
        stage.hear(None)
        assert (await stage.receive())["code"] == 1006
        with pytest.raises(Disconnected):
            await stage.send(ACCEPT)
        await stage.send(BYE)
        assert stage.responses == []

    on_stage(play)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (says("early"), r"'websocket\.send' was sent before websocket\.accept"),
        ({"type": "http.response.start"}, r"'http\.response\.start' was sent before"),
    ],
)
def test_message_before_accept_is_refused(message: dict[str, Any], told: str) -> None:
    async def play(stage: Stage) -> None:
        with pytest.raises(RuntimeError, match=told):
            await stage.send(message)

    on_stage(play)


@pytest.mark.parametrize("message", [ACCEPT, {"type": "websocket.http.response.start"}])
def test_message_after_accept_is_refused(message: dict[str, Any]) -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        with pytest.raises(RuntimeError, match="on a WebSocket that is accepted already"):
            await stage.send(message)

    on_stage(play)


def test_send_waits_for_a_slow_client() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        stage.tunnel.is_slow = True
        sending = asyncio.ensure_future(stage.send(says("much")))
        await asyncio.sleep(0)
        assert not sending.done()
        stage.tunnel.make_room()
        await sending

    on_stage(play)


def test_client_that_floods_waits_for_the_application() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        n = 0
        while not stage.tunnel.is_paused():
            stage.hear(frame(BINARY, bytes(60_000)))
            n += 1
        assert 17 <= n <= 18
        taken = 0
        while stage.tunnel.is_paused():
            await stage.receive()
            taken += 1
        assert 13 <= taken <= 15

    on_stage(play)


def test_client_that_reads_no_pongs_is_not_heard_on() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        stage.tunnel.is_slow = True
        stage.hear(frame(PING, b"1"))
        assert stage.tunnel.is_paused()
        stage.hear(frame(PING, b"2"))
        stage.tunnel.make_room()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not stage.tunnel.is_paused()
        assert stage.tunnel.sent() == [(PONG, b"1"), (PONG, b"2")]

    on_stage(play)


def test_close_is_heard_even_if_the_application_has_read_nothing() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        while not stage.tunnel.is_paused():
            stage.hear(frame(BINARY, bytes(60_000)))
        await stage.send(BYE)
        assert not stage.tunnel.is_paused()
        stage.hear(close(1000))
        assert stage.tunnel.is_ended()

    on_stage(play)


def test_silent_client_is_pinged_and_given_up() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        assert await stage.receive() == {
            "type": "websocket.disconnect",
            "code": 1011,
            "reason": "no answer to a ping",
        }
        (ping, (opcode, payload)) = stage.tunnel.sent()
        assert ping == (PING, b"")
        assert (opcode, close_code(payload)) == (CLOSE, 1011)
        assert stage.tunnel.is_ended()

    on_stage(play, Options(ping_interval=0.001, ping_timeout=0.001))


def test_client_that_answers_no_close_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastfork.worker.conversation._PATIENCE", 0.001)

    async def play(stage: Stage) -> None:
        await stage.accept()
        await stage.send(BYE)
        for _ in range(1000):
            if stage.tunnel.is_ended():
                break
            await asyncio.sleep(0.001)
        assert stage.tunnel.is_ended()

    on_stage(play)


def test_worker_that_leaves_closes_with_1012() -> None:
    async def play(stage: Stage) -> None:
        await stage.accept()
        stage.talk.leave()
        ((opcode, payload),) = stage.tunnel.sent()
        assert (opcode, close_code(payload)) == (CLOSE, 1012)
        assert (await stage.receive())["code"] == 1012
        with pytest.raises(Disconnected):
            await stage.send(says("late"))
        await stage.send(BYE)

    on_stage(play)


def test_worker_that_leaves_before_accept_closes_behind_it() -> None:
    async def play(stage: Stage) -> None:
        stage.talk.leave()
        await stage.accept()
        ((opcode, payload),) = stage.tunnel.sent()
        assert (opcode, close_code(payload)) == (CLOSE, 1012)

    on_stage(play)

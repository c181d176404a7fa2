"""Who hears of what."""

from __future__ import annotations

import sys

import pytest

from fastfork.cluster.events import Emitter
from fastfork.errors import ClusterStopping


def test_handlers_are_called_in_order_until_they_are_taken_off() -> None:
    emitter, heard = Emitter("exit"), list[str]()

    def first(code: int) -> None:
        heard.append(f"first {code}")

    emitter.on("exit", first)

    @emitter.on("exit")
    def second(code: int) -> None:
        heard.append(f"second {code}")

    emitter.once("exit", lambda code: heard.append(f"once {code}"))
    emitter.emit("exit", 1)
    emitter.off("exit", first)
    emitter.emit("exit", 2)

    assert heard == ["first 1", "second 1", "once 1", "second 2"]


def test_what_a_handler_raises_goes_to_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    emitter, hooked, heard = Emitter("exit"), list[str](), list[int]()
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: hooked.append(str(error)))

    @emitter.on("exit")
    def fail() -> None:
        raise LookupError("mine")

    @emitter.on("exit")
    def stop() -> None:
        raise ClusterStopping("nobody is forked any more")

    emitter.on("exit", lambda: heard.append(1))
    emitter.emit("exit")

    assert (hooked, heard) == (["mine"], [1])


def test_exit_of_the_program_is_nobodys_mistake() -> None:
    emitter = Emitter("exit")
    emitter.on("exit", lambda: sys.exit(3))

    with pytest.raises(SystemExit):
        emitter.emit("exit")


def test_event_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no event 'exti', only: online, exit"):
        Emitter("online", "exit").on("exti", print)

"""Signals as intents, in the order they came."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator

import pytest

from fastfork.supervisor.signals import (
    INTENTS,
    Intent,
    SignalInbox,
    handlers_restored,
    hold_back,
    intent_of,
    let_through,
    name_of,
    newest,
)


@pytest.fixture
def inbox() -> Iterator[SignalInbox]:
    """Give an inbox that collects the signals of this process."""
    with handlers_restored(), SignalInbox() as inbox:
        yield inbox


def collect(inbox: SignalInbox, count: int) -> list[int]:
    """Return *count* signals from *inbox*, or what came within five seconds."""
    numbers: list[int] = []
    while len(numbers) < count and select.select([inbox.fd], [], [], 5)[0]:
        numbers += inbox.read()
    return numbers


def test_of_several_reloads_only_the_last_one_counts() -> None:
    hup, term, ttin = signal.SIGHUP, signal.SIGTERM, signal.SIGTTIN

    assert newest([hup, ttin, hup, ttin, hup, term]) == [ttin, ttin, hup, term]
    assert newest([ttin, ttin]) == [ttin, ttin]


@pytest.mark.parametrize(
    ("number", "intent"),
    [
        (signal.SIGTERM, Intent.DRAIN),
        (signal.SIGINT, Intent.DRAIN),
        (signal.SIGQUIT, Intent.QUIT),
        (signal.SIGCHLD, Intent.REAP),
        (signal.SIGWINCH, Intent.NOTHING),
        (signal.SIGHUP, Intent.RELOAD),
        (signal.SIGUSR2, Intent.UPGRADE),
        (signal.SIGTTIN, Intent.MORE),
        (signal.SIGTTOU, Intent.FEWER),
        (signal.SIGALRM, Intent.NOTHING),
    ],
)
def test_signal_has_an_intent(number: int, intent: Intent) -> None:
    assert intent_of(number) is intent


def test_what_came_before_the_next_image_is_read_by_it(inbox: SignalInbox) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert select.select([inbox.fd], [], [], 5)[0]

    heir = SignalInbox(inbox.fds)

    assert heir.read() == [signal.SIGUSR1]


def test_two_that_the_kernel_has_not_delivered_yet_are_one_to_it(inbox: SignalInbox) -> None:
    # Signals are bits, not a queue: what nobody has seen in between can't be counted by anybody.
    mask = hold_back()
    os.kill(os.getpid(), signal.SIGTTIN)
    os.kill(os.getpid(), signal.SIGTTIN)
    let_through(mask)
    os.kill(os.getpid(), signal.SIGTTIN)

    assert collect(inbox, 2) == [signal.SIGTTIN, signal.SIGTTIN]
    assert inbox.read() == []


def test_two_signals_of_one_kind_count_as_two(inbox: SignalInbox) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)

    assert collect(inbox, 2) == [signal.SIGUSR1, signal.SIGUSR1]


def test_signals_come_in_order(inbox: SignalInbox) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)

    assert collect(inbox, 2) == [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", INTENTS)
def test_no_signal_of_the_table_kills_the_master(inbox: SignalInbox, number: int) -> None:
    os.kill(os.getpid(), number)

    assert collect(inbox, 1) == [number]


def test_signal_after_the_end_does_nothing() -> None:
    with handlers_restored():
        with SignalInbox():
            pass
        os.kill(os.getpid(), signal.SIGTERM)


def test_empty_inbox_gives_nothing(inbox: SignalInbox) -> None:
    assert inbox.read() == []


def test_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in INTENTS]

    with handlers_restored(), SignalInbox():
        pass

    assert [signal.getsignal(number) for number in INTENTS] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_signal_that_is_held_back_comes_through_later(inbox: SignalInbox) -> None:
    mask = hold_back()
    os.kill(os.getpid(), signal.SIGTERM)
    early = inbox.read()
    let_through(mask)

    assert early == []
    assert collect(inbox, 1) == [signal.SIGTERM]


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40")])
def test_signal_has_a_name(number: int, name: str) -> None:
    assert name_of(number) == name

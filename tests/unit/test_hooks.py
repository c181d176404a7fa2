"""Hooks: what can be one, and what becomes of exceptions."""

from __future__ import annotations

import asyncio

import pytest

from fastfork.hooks import Hooks


def fail(slot: int) -> None:
    """Fail."""
    raise ValueError(slot)


def test_hooks_run_in_the_order_in_which_they_were_made() -> None:
    hooks, seen = Hooks("on_ready"), list[str]()

    hooks(lambda slot: seen.append(f"a{slot}"))
    hooks(lambda slot: seen.append(f"b{slot}"))
    hooks.run(3)

    assert seen == ["a3", "b3"]


def test_decorated_function_stays_what_it_is() -> None:
    assert Hooks("on_ready")(fail) is fail


def test_hook_that_fails_stops_the_others_or_is_told() -> None:
    hooks, seen, told = Hooks("on_ready"), list[int](), list[str]()
    hooks(fail)
    hooks(seen.append)

    with pytest.raises(ValueError, match="1"):
        hooks.run(1)
    hooks.run_each(2, on_error=lambda what, error: told.append(f"{what}: {error}"))

    assert seen == [2]
    assert told == ["@fastfork.on_ready fail failed: 2"]


def test_what_cannot_be_called_as_a_hook_is_refused() -> None:
    async def hook(slot: int) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="no async function"):
        Hooks("on_exit")(hook)
    with pytest.raises(TypeError, match=r"without \(\)"):
        Hooks("on_ready")(None)  # type: ignore[type-var]


def test_async_hook_runs_on_the_loop_in_its_turn() -> None:
    hooks, seen = Hooks("on_worker_start"), list[str]()

    @hooks
    async def later(slot: int) -> None:
        seen.append(f"async {slot}")

    hooks(lambda slot: seen.append(f"plain {slot}"))
    hooks.run(4, on_loop=asyncio.run)

    assert seen == ["async 4", "plain 4"]


def test_async_hook_without_a_loop_is_refused_by_name() -> None:
    hooks, told = Hooks("on_ready"), list[str]()

    @hooks
    async def later(slot: int) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match=r"later is async, and the application is no ASGI one"):
        hooks.run(0)
    hooks.run_each(0, on_error=lambda what, error: told.append(what))

    assert told[0].endswith("later failed")

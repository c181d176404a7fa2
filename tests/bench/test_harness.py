"""The comparison with other servers: who is asked what, and in which order."""

from __future__ import annotations

from dataclasses import replace

import harness
import pytest
from drivers import DRIVERS
from scenario import Scenario

ASK = Scenario(question="?", measure=lambda server, seconds: {}, rounds=2)


def order(scenario: Scenario, names: list[str]) -> list[tuple[str, int, str]]:
    return [
        (turn.point, turn.round, turn.driver.name)
        for turn in harness.turns({"one": scenario}, names)
    ]


def test_rounds_are_interleaved() -> None:
    assert order(ASK, ["floor", "fastfork"]) == [
        ("", 0, "floor"),
        ("", 0, "fastfork"),
        ("", 1, "floor"),
        ("", 1, "fastfork"),
    ]


def test_each_shape_has_its_rounds() -> None:
    shaped = replace(ASK, rounds=1, points={"1": {"workers": 1}, "2": {"workers": 2}})

    assert order(shaped, ["fastfork", "bjoern"]) == [
        ("1", 0, "fastfork"),
        ("1", 0, "bjoern"),
        ("2", 0, "fastfork"),  # bjoern is one process
    ]


@pytest.mark.parametrize(
    ("server", "changes", "is_asked"),
    [
        ("fastfork", {}, True),
        ("uvicorn", {}, False),  # ASGI only
        ("uvicorn", {"kinds": ("asgi",)}, True),
        ("floor", {}, True),
        ("floor", {"app": "large"}, False),  # says nothing but hello
        ("fastfork", {"drivers": ("granian",)}, False),
        ("fastfork-access-log", {}, False),  # a variant stands where it is asked for
        ("fastfork-access-log", {"also": ("fastfork-access-log",)}, True),
        ("fastpysgi-asgi", {"kinds": ("asgi",), "points": {"": {"websockets": True}}}, False),
    ],
)
def test_a_server_is_asked_what_it_can(
    server: str, changes: dict[str, object], is_asked: bool
) -> None:
    scenario = replace(ASK, **changes)  # type: ignore[arg-type]

    assert bool(order(scenario, [server])) == is_asked


def test_every_scenario_has_somebody_to_ask_and_fastfork_among_them() -> None:
    for name, scenario in harness.scenarios().items():
        asked = {server for _, _, server in order(scenario, [*DRIVERS])}

        assert asked & {"fastfork", "fastfork-asgi"}, name


def test_every_server_is_asked_for_the_headline() -> None:
    headline = {n: s for n, s in harness.scenarios().items() if s.is_quick}
    asked = {turn.driver.name for turn in harness.turns(headline, [*DRIVERS])}

    assert asked >= {name for name, driver in DRIVERS.items() if not driver.is_variant}

"""An ASGI application is told of start and end, whatever it makes of that."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from fastfork.errors import AppImportError
from fastfork.worker.lifespan import Lifespan

START, END = "lifespan.startup", "lifespan.shutdown"


def says(*kinds: str, **more: Any) -> Any:
    """Return an application that answers each event with the next of *kinds*."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for kind in kinds:
            await receive()
            await send({"type": kind, **more})

    return app


def raises(error: BaseException, *, at: str) -> Any:
    """Return an application that raises *error* at scope, START or END."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while at != "scope":
            event = (await receive())["type"]
            if event == at:
                break
            await send({"type": f"{event}.complete"})
        raise error

    return app


async def ignores(scope: Any, receive: Any, send: Any) -> None:
    """Return at once, as who has `if scope["type"] == "http"`."""


async def hangs(scope: Any, receive: Any, send: Any) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def fails_as_starlette(scope: Any, receive: Any, send: Any) -> None:
    """Say why, and raise it as well."""
    await receive()
    try:
        raise KeyError("DATABASE_URL")
    except KeyError:
        await send({"type": "lifespan.startup.failed", "message": "no DATABASE_URL"})
        raise


class Whole:
    """An application that does all of it, and what it has done."""

    def __init__(self) -> None:
        self.scope: Any = None
        self.done: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run."""
        self.scope = scope
        try:
            while True:
                event = await receive()
                self.done.append(event["type"])
                scope["state"]["pool"] = "open"
                await send({"type": event["type"] + ".complete"})
        finally:
            self.done.append("end")


def run(
    app: Any, *, mode: str = "auto", within: float | None = None, patience: float = 5
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return what the start gave, and what both ends have logged."""
    logged = []

    def log(what: str, error: BaseException | None) -> None:
        logged.append(f"{what}: {error!r}" if error else what)

    async def both() -> dict[str, Any] | None:
        lifespan = Lifespan(app, mode=mode, on_error=log)
        state = await lifespan.startup(within=within)
        await asyncio.sleep(0)
        await lifespan.shutdown(within=patience)
        await lifespan.shutdown(within=patience)  # there is nothing left
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return state

    return asyncio.run(both(), debug=False), logged


def refusal(app: Any, **options: Any) -> str:
    """Return why the application does not start."""
    with pytest.raises(AppImportError) as caught:
        run(app, **options)
    return str(caught.value)


def test_application_hears_of_start_and_end_and_its_state_is_kept() -> None:
    app = Whole()

    assert run(app) == ({"pool": "open"}, [])
    assert app.done == [START, END, "end"]
    assert {key: app.scope[key] for key in ("type", "asgi")} == {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
    }


def test_nothing_is_said_when_it_is_off() -> None:
    app = Whole()

    assert run(app, mode="off") == (None, [])
    assert app.scope is None


@pytest.mark.parametrize("app", [ignores, raises(ValueError("not lifespan"), at="scope")])
def test_application_without_a_lifespan_is_served_without(app: Any) -> None:
    assert run(app) == (None, [])


def test_failure_at_the_event_is_logged_and_the_application_served() -> None:
    assert run(raises(ValueError("no disk"), at=START)) == (
        None,
        [
            (
                "the application failed at lifespan.startup, and is served without a lifespan:"
                " ValueError('no disk')"
            )
        ],
    )


REFUSALS = {
    "says so": (
        says("lifespan.startup.failed", message="no disk\n"),
        "auto",
        "the application's start-up failed: no disk",
    ),
    "says nothing of why": (
        says("lifespan.startup.failed"),
        "auto",
        "the application's start-up failed, and it gave no reason",
    ),
    "says so and raises": (
        fails_as_starlette,
        "auto",
        "the application's start-up failed: no DATABASE_URL",
    ),
    "must, and returns": (
        ignores,
        "on",
        (
            "the application takes no lifespan: it returned without an answer to lifespan.startup; leave"
            " out --lifespan on"
        ),
    ),
}


@pytest.mark.parametrize(("app", "mode", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
def test_application_that_cannot_start_says_why_once(app: Any, mode: str, reason: str) -> None:
    assert refusal(app, mode=mode) == reason


@pytest.mark.parametrize("at", ["scope", START])
def test_what_must_start_fails_with_its_traceback(at: str) -> None:
    told = refusal(raises(ValueError("no disk"), at=at), mode="on")

    assert told.startswith("the application's lifespan failed:\nTraceback")
    assert told.endswith("ValueError: no disk")
    assert told.count("File ") == 1


def test_an_exit_at_the_start_does_not_end_the_loop() -> None:
    assert "it called sys.exit(3)" in refusal(raises(SystemExit(3), at=START), mode="on")


def test_start_that_hangs_is_a_failure() -> None:
    assert refusal(hangs, within=0.01) == (
        "the application has not answered lifespan.startup within 0.01 s"
    )


@pytest.mark.parametrize(
    ("app", "logged"),
    [
        (says(f"{START}.complete"), []),
        (says(f"{START}.complete", f"{END}.complete"), []),
        (
            says(f"{START}.complete", f"{END}.failed", message="disk is full"),
            ["the application's shutdown failed: disk is full"],
        ),
        (
            says(f"{START}.complete", f"{END}.failed"),
            ["the application's shutdown failed: it gave no reason"],
        ),
        (
            raises(ValueError("no disk"), at=END),
            ["the application failed at lifespan.shutdown: ValueError('no disk')"],
        ),
    ],
)
def test_what_goes_wrong_at_the_end_is_logged(app: Any, logged: list[str]) -> None:
    assert run(app) == ({}, logged)


def test_end_that_hangs_is_not_waited_for() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": f"{START}.complete"})
        await receive()
        await hangs(scope, receive, send)

    assert run(app, patience=0.01) == ({}, ["lifespan.shutdown took the application over 0.01 s"])


def test_what_comes_behind_the_last_answer_runs() -> None:
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await says(f"{START}.complete", f"{END}.complete")(scope, receive, send)
        await asyncio.sleep(0)
        done.append("middleware")

    assert run(app) == ({}, [])
    assert done == ["middleware"]


def test_failure_between_start_and_end_is_logged() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": f"{START}.complete"})
        raise ValueError("no disk")

    assert run(app) == (
        {},
        ["the application's lifespan failed: its shutdown will not run: ValueError('no disk')"],
    )


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ([f"{END}.complete"], f"'{END}.complete' was sent out of turn: asked was {START}"),
        (["http.response.start"], "'http.response.start' was sent out of turn"),
        ([f"{START}.complete"] * 2, "out of turn: it is answered already"),
    ],
)
def test_message_out_of_turn_is_the_applications_mistake(sent: list[str], message: str) -> None:
    caught = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for kind in sent:
            try:
                await send({"type": kind})
            except RuntimeError as error:
                caught.append(str(error))

    run(app)

    assert len(caught) == 1
    assert message in caught[0]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")
def test_it_works_with_eager_tasks() -> None:
    logged: list[str] = []

    async def both() -> Any:
        asyncio.get_running_loop().set_task_factory(vars(asyncio)["eager_task_factory"])
        lifespan = Lifespan(Whole(), mode="on", on_error=lambda what, error: logged.append(what))
        state = await lifespan.startup()
        await lifespan.shutdown(within=5)
        return state

    assert (asyncio.run(both()), logged) == ({"pool": "open"}, [])

"""Hooks in the life of real workers."""

from __future__ import annotations

import signal
from pathlib import Path

from fix_cluster import Start
from fix_processes import wait_until


def of(pid: int, notes: Path) -> list[str]:
    """Return what the worker *pid* has noted."""
    return [
        line.partition(" ")[2]
        for line in notes.read_text().splitlines()
        if line.startswith(f"{pid} ")
    ]


def test_hooks_run_in_order_with_the_slot_and_its_share(start: Start, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    cluster = start("hooked:app", "-e", f"HOOKS={notes}", workers=2)
    first = cluster.worker_in(0)
    wait_until(lambda: "on_ready 0 2" in of(first, notes))
    wait_until(lambda: [cluster.ask(), "request 0 2" in of(first, notes)][1])

    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("reloaded: generation 2")
    second = cluster.worker_in(1)
    wait_until(lambda: "on_ready 1 1" in of(second, notes))

    whole = [one for one in of(first, notes) if one != "request 0 2"]
    assert whole == [f"{name} 0 2" for name in ("on_worker_start", "on_ready", *STOP)]
    begun = ["on_worker_start", "on_reload", "on_ready"]
    assert of(second, notes) == [f"{name} 1 1" for name in begun]


STOP = ("on_worker_stop", "on_exit")


def test_async_hooks_run_around_the_lifespan_and_the_check_is_asked_before_ready(
    start: Start, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    options = ("-e", f"HOOKS={notes}", "--check", "/health")
    cluster = start("hooked_asgi:app", *options, workers=1)
    worker = cluster.worker_in(0)
    wait_until(lambda: "on_ready 0" in of(worker, notes))

    assert cluster.ask() == b"noted"
    cluster.process.terminate()
    assert cluster.wait_for_end() == 0

    assert of(worker, notes) == [
        "on_worker_start 0",
        "lifespan.startup",
        "request /health",
        "on_ready 0",
        "request /",
        "lifespan.shutdown",
        "on_worker_stop 0",
    ]


def test_asgi_application_that_fails_its_check_is_not_served(start: Start, tmp_path: Path) -> None:
    options = ("-e", f"HOOKS={tmp_path / 'notes'}", "--check", "/health", "-e", "HEALTH=500")
    cluster = start("hooked_asgi:app", *options, is_up=False)
    cluster.exit_code = 3

    assert cluster.wait_for_end() == 3
    assert "the check of /health was answered 500\nnoted" in cluster.log


def test_hook_that_fails_at_the_start_is_told_like_a_failed_import(
    start: Start, tmp_path: Path
) -> None:
    cluster = start(
        "hooked:app", "-e", f"HOOKS={tmp_path / 'notes'}", "-e", "FAIL=on_worker_start", is_up=False
    )
    cluster.exit_code = 3

    assert cluster.wait_for_end() == 3
    assert "a hook of the application failed:" in cluster.log
    assert "RuntimeError: on_worker_start was told to fail" in cluster.log
    assert not (tmp_path / "notes").exists()


def test_hook_of_a_reload_that_fails_leaves_the_old_worker_alone(
    start: Start, tmp_path: Path
) -> None:
    variables = tmp_path / "env"
    variables.write_text(f"HOOKS={tmp_path / 'notes'}\n")
    cluster = start("hooked:app", "--env-file", str(variables), workers=1)
    worker = cluster.workers

    variables.write_text(f"HOOKS={tmp_path / 'notes'}\nFAIL=on_reload\n")
    cluster.process.send_signal(signal.SIGHUP)
    cluster.wait_for_log("not reloaded")

    assert cluster.workers == worker
    assert "on_reload was told to fail" in cluster.log


def test_hook_that_fails_at_the_end_is_told_and_the_others_run(
    start: Start, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    cluster = start("hooked:app", "-e", f"HOOKS={notes}", "-e", "FAIL=on_worker_stop", workers=1)
    worker = cluster.worker_in(0)

    cluster.process.terminate()

    assert cluster.wait_for_end() == 0
    assert "@fastfork.on_worker_stop note.<locals>.hook failed" in cluster.log
    assert of(worker, notes)[-1] == "on_exit 0 3"

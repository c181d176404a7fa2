"""How long does a request wait in vain on a kept connection? Beside the ideal: one queue, all workers."""

from __future__ import annotations

from dataclasses import replace

from scenarios import waiting_fresh

SCENARIO = replace(
    waiting_fresh.SCENARIO,
    question="How long does a request wait in vain, on a kept connection?",
    measure=lambda server, seconds: waiting_fresh.measured("pool", server, seconds),
    drivers=(*waiting_fresh.SCENARIO.drivers, "uwsgi-router"),
)

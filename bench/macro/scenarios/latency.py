"""How late are answers at a load that all can take? Open loop: lateness counts from when one was due."""

from scenario import Figures, Scenario, Server, load

RATE = 2000.0


def measure(server: Server, seconds: float) -> Figures:
    """Ask 2,000 times a second by chance."""
    return load(server, seconds, rate=RATE, connections=200)


SCENARIO = Scenario(
    question="How late is a hello at 2,000 requests a second, open loop?",
    measure=measure,
    main="p99_ms",
    unit="p99, ms",
    shown=("p50_ms", "p999_ms", "cpu_us"),
    kinds=("wsgi", "asgi", "hello"),
    seconds=2.0,
)

"""How much memory do the workers take?"""

import tree
from scenario import LAST, Figures, Scenario, Server, closed


def measure(server: Server, seconds: float) -> Figures:
    """Warm it on new connections, which all workers get, and weigh it."""
    closed(request=LAST, fresh=True)(server, 0.3)
    return {"mib": tree.memory_bytes(server.pid, "Pss") / 2**20}


SCENARIO = Scenario(
    question="How much memory do 1 to 8 workers take?",
    measure=measure,
    main="mib",
    unit="MiB (PSS)",
    shown=(),
    kinds=("wsgi", "asgi", "hello"),
    drivers=(
        *("fastfork", "fastfork-asgi", "gunicorn-sync", "gunicorn-gthread", "gunicorn-asgi"),
        *("granian", "granian-asgi", "uvicorn", "fastpysgi", "uwsgi", "node-cluster"),
    ),
    points={f"{n} workers": {"workers": n} for n in (1, 2, 4, 8)},
    is_pinned=False,
    rounds=3,
)

"""What does a request cost with more workers?"""

from scenario import LAST, Scenario, closed

SCENARIO = Scenario(
    question="What does a hello on a new connection cost with 1 to 16 workers?",
    measure=closed(request=LAST, fresh=True, connections=64),
    kinds=("wsgi", "hello"),
    drivers=(
        *("fastfork", "gunicorn-sync", "gunicorn-gthread", "granian", "uwsgi", "fastpysgi"),
        *("node-cluster", "pm2"),
    ),
    points={f"{n} workers": {"workers": n} for n in (1, 2, 4, 8, 16)},
    is_pinned=False,
    rounds=3,
)

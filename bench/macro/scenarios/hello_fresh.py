"""What does a request cost on a connection of its own?"""

from scenario import LAST, Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost on a connection of its own?",
    measure=closed(request=LAST, fresh=True),
    kinds=("wsgi", "asgi", "hello"),
    also=("floor-one-packet",),
    is_quick=True,
)

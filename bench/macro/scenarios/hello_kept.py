"""What does a request cost on a connection that is kept?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost on a kept connection?",
    measure=closed(),
    kinds=("wsgi", "asgi", "hello"),
    is_quick=True,
)
